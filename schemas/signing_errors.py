"""Errors of signing; part of the one tree in `schemas.errors`."""

from __future__ import annotations

from schemas.errors import Fault, SohoaError, SystemFault


class SigningRefused(SohoaError):
    """What was asked for may not be signed, or not by this key; nothing was written."""

    fault = Fault.USER
    code = "signing_refused"
    vi = "Không được ký: yêu cầu ký số không đạt điều kiện."
    en = "The signature was refused; nothing was written."
    advice_vi = "Xem lý do kèm theo rồi ký lại."
    advice_en = "See the reason and sign again."


class CertificateOutOfTime(SigningRefused):
    code = "certificate_out_of_time"
    vi = "Chứng thư số đã hết hạn hoặc chưa có hiệu lực."
    en = "The certificate has expired or is not yet valid."
    advice_vi = "Gia hạn hoặc xin cấp chứng thư số mới."
    advice_en = "Renew the certificate."


class CertificateRevoked(SigningRefused):
    code = "certificate_revoked"
    vi = "Chứng thư số đã bị thu hồi hoặc tạm dừng."
    en = "The certificate is revoked or suspended."
    advice_vi = "Dùng chứng thư số khác và báo người quản lý chứng thư số của cơ quan."
    advice_en = "Use another certificate."


class CertificateUntrusted(SigningRefused):
    code = "certificate_untrusted"
    vi = "Chứng thư số không nối được tới tổ chức chứng thực được tin cậy."
    en = "No chain leads from the certificate to a trust anchor."
    advice_vi = "Thêm chứng thư gốc và chứng thư trung gian của tổ chức cấp vào thư mục tin cậy."
    advice_en = "Add the issuer's certificates to the trust folder."


class RevocationUnknown(SigningRefused):
    code = "revocation_unknown"
    retry = True
    vi = "Không kiểm tra được chứng thư số có bị thu hồi hay không."
    en = "Whether the certificate is revoked cannot be known now."
    advice_vi = "Kiểm tra kết nối tới máy chủ CRL/OCSP rồi ký lại."
    advice_en = "Check the connection to the CRL or OCSP server."


class WrongKeyUsage(SigningRefused):
    code = "wrong_key_usage"
    vi = "Chứng thư số này không được cấp để ký văn bản."
    en = "The certificate is not meant for signing documents."
    advice_vi = "Dùng chứng thư số có mục đích ký số (digitalSignature hoặc nonRepudiation)."
    advice_en = "Use a certificate with digitalSignature or nonRepudiation."


class WeakKey(SigningRefused):
    code = "weak_key"
    vi = "Khoá hoặc thuật toán quá yếu (cần RSA từ 2048 bit hoặc ECDSA từ 256 bit, SHA-256 trở lên)."
    en = "The key or algorithm is too weak (RSA 2048, ECDSA 256, SHA-256 at least)."
    advice_vi = "Xin cấp chứng thư số với khoá mạnh hơn."
    advice_en = "Get a certificate with a stronger key."


class WrongHolder(SigningRefused):
    code = "wrong_holder"
    vi = "Tên trên chứng thư số không khớp người hoặc cơ quan phải ký."
    en = "The certificate belongs to somebody else than the person or agency that has to sign."
    advice_vi = "Cắm đúng thiết bị ký, hoặc sửa tên người, tên cơ quan trong cấu hình."
    advice_en = "Use the right key, or correct the name."


class NoDelegation(SigningRefused):
    code = "no_delegation"
    vi = "Không có uỷ quyền hoặc phân công còn hiệu lực cho việc ký này."
    en = "There is no delegation in force for this signature."
    advice_vi = "Nhập quyết định uỷ quyền hoặc phân công, hoặc để người có thẩm quyền ký."
    advice_en = "Record the delegation, or let the competent person sign."


class DemoKeyRefused(SigningRefused):
    code = "demo_key_refused"
    vi = "Khoá thử nghiệm không được dùng khi hệ thống đã chạy chính thức."
    en = "A test key may not be used in production."
    advice_vi = "Dùng chứng thư số thật của người ký hoặc cơ quan."
    advice_en = "Use a real certificate."


class DemoMarkMissing(SigningRefused):
    code = "demo_mark_missing"
    vi = "Khoá thử nghiệm chỉ ký tệp có dòng „CHỮ KÝ THỬ NGHIỆM“ trên mọi trang."
    en = "A test key signs only files marked as a test on every page."
    advice_vi = "Chuẩn bị lại tệp cho khoá thử nghiệm rồi ký."
    advice_en = "Prepare the file for a test key."


class FieldNotReady(SigningRefused):
    code = "field_not_ready"
    vi = "Tệp không có ô ký còn trống cho vai trò này."
    en = "The file has no empty signature field for this role."
    advice_vi = "Kiểm tra tệp đã được chuẩn bị và chưa ai ký ô này."
    advice_en = "Check that the file was prepared and nobody signed this field."


class SignedAlready(SigningRefused):
    code = "signed_already"
    vi = "Tệp đã có chữ ký số; không được thêm nội dung vào tệp đã ký."
    en = "The file is signed already; nothing may be added to its pages."
    advice_vi = "Giữ nguyên tệp đã ký."
    advice_en = "Keep the signed file as it is."


class LevelNotReached(SohoaError):
    fault = Fault.SYSTEM
    retry = True
    code = "level_not_reached"
    vi = "Chữ ký không đạt mức yêu cầu nên không được nhận."
    en = "The signature did not reach the wanted level and was not kept."
    advice_vi = "Kiểm tra máy chủ dấu thời gian và nguồn CRL/OCSP rồi ký lại."
    advice_en = "Check the timestamp server and the CRL/OCSP source, then sign again."


class RenewalImpossible(SohoaError):
    """A timestamp that stands cannot be covered by another one any more."""

    fault = Fault.SYSTEM
    code = "renewal_impossible"
    vi = "Không gia hạn được dấu thời gian của tệp; tệp giữ nguyên."
    en = "The timestamp of the file cannot be renewed; the file stays as it is."
    advice_vi = "Xem nơi cấp dấu thời gian còn được tin cậy không; hỏi người phụ trách lưu trữ về tệp này."
    advice_en = "See whether its authority can still be believed; ask the archivist about this file."


class KeyFileRejected(SohoaError):
    fault = Fault.USER
    code = "key_file_rejected"
    vi = "Không mở được tệp khoá: sai mật khẩu hoặc tệp hỏng."
    en = "The key file cannot be opened: wrong password or damaged."
    advice_vi = "Kiểm tra tệp .p12/.pfx và mật khẩu."
    advice_en = "Check the file and its password."


class TokenUnavailable(SohoaError):
    fault = Fault.SETUP
    retry = True
    code = "token_unavailable"
    vi = "Không tìm thấy thiết bị ký (token/HSM) hoặc chứng thư trên thiết bị."
    en = "The token or HSM, or the certificate on it, was not found."
    advice_vi = "Cắm lại thiết bị, kiểm tra trình điều khiển PKCS#11."
    advice_en = "Plug the token in again and check its PKCS#11 driver."


class WrongPin(SohoaError):
    fault = Fault.USER
    code = "wrong_pin"
    vi = "Sai mã PIN của thiết bị ký."
    en = "The PIN of the token is wrong."
    advice_vi = "Nhập lại cẩn thận: sai nhiều lần thiết bị sẽ bị khoá."
    advice_en = "Type it again with care: the token locks after several failures."


class PinLocked(WrongPin):
    code = "pin_locked"
    vi = "Thiết bị ký đã bị khoá vì sai mã PIN nhiều lần."
    en = "The token is locked after too many wrong PINs."
    advice_vi = "Liên hệ đơn vị cấp thiết bị để mở khoá."
    advice_en = "Ask the issuer of the token to unlock it."


class RemoteSigningUnavailable(SystemFault):
    code = "remote_signing_unavailable"
    vi = "Không kết nối được dịch vụ ký số từ xa."
    en = "The remote signing service cannot be reached."


class RemoteSigningRefused(SohoaError):
    fault = Fault.USER
    code = "remote_signing_refused"
    vi = "Dịch vụ ký số từ xa từ chối yêu cầu."
    en = "The remote signing service refused the request."
    advice_vi = "Kiểm tra tài khoản, mã xác thực và quyền dùng chứng thư số."
    advice_en = "Check the account, the authorisation code and the right to the credential."


class TimestampUnavailable(SystemFault):
    code = "timestamp_unavailable"
    vi = "Không lấy được dấu thời gian."
    en = "The timestamp authority gave no usable answer."


class SigningJobRejected(SohoaError):
    """The answers of a key holder elsewhere do not fit the job."""

    fault = Fault.USER
    code = "signing_job_rejected"
    vi = "Kết quả ký không khớp lô đã chuẩn bị; không có tệp nào bị thay đổi."
    en = "The signatures do not fit the prepared job; no file was changed."
    advice_vi = "Xuất lại lô và ký lại bằng đúng chứng thư số."
    advice_en = "Export the job again and sign it with the right certificate."


class AgentUnavailable(SystemFault):
    code = "signing_agent_unavailable"
    vi = "Không kết nối được chương trình ký (sohoa agent) trên máy này."
    en = "The signing agent on this PC cannot be reached."
    advice_vi = "Mở chương trình ký (sohoa agent) trên máy có cắm thiết bị ký rồi thử lại."
    advice_en = "Start `sohoa agent` on the PC with the token and try again."


class AgentRefused(SohoaError):
    fault = Fault.USER
    code = "signing_agent_refused"
    vi = "Chương trình ký không nhận yêu cầu, hoặc người ký đã từ chối."
    en = "The signing agent or the official refused."
    advice_vi = "Ghép nối lại cổng với chương trình ký nếu được hỏi, rồi gửi lại lô chưa ký."
    advice_en = "Pair again when asked to, then send what is not signed yet."
