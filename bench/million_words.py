"""Names, places and sentences for made records: everyday Vietnamese words with the shape real ones have (a third of all
people are called Nguyễn, a few communes bring most papers), nobody in particular."""

from __future__ import annotations

FAMILY = {
    "Nguyễn": 384, "Trần": 110, "Lê": 95, "Phạm": 70, "Hoàng": 31, "Huỳnh": 20, "Phan": 45, "Vũ": 22, "Võ": 17,
    "Đặng": 21, "Bùi": 20, "Đỗ": 14, "Hồ": 13, "Ngô": 13, "Dương": 10, "Lý": 5, "Đinh": 9, "Trịnh": 8, "Mai": 7,
    "Đào": 7, "Lương": 6, "Đoàn": 6, "Tạ": 4, "Cao": 5, "Hà": 5, "Lâm": 4, "Tô": 3, "Quách": 2, "Nông": 3, "Vi": 2,
    "Giàng": 1, "Lò": 2, "Sầm": 1, "Thạch": 1, "Kpă": 1, "Rơ": 1, "Chu": 3, "Thái": 3, "Triệu": 3, "Kiều": 2,
}  # fmt: skip
"""Per thousand."""
MIDDLE_MEN = ("Văn", "Văn", "Văn", "Đức", "Hữu", "Minh", "Quang", "Công", "Xuân", "Đình", "Ngọc", "Thanh", "Bá", "Trọng", "Duy")
MIDDLE_WOMEN = ("Thị", "Thị", "Thị", "Thị Thu", "Thị Ngọc", "Thị Thanh", "Thị Kim", "Thị Mỹ", "Ngọc", "Thanh", "Thu", "Minh", "Bích")
GIVEN_MEN = (
    "Hùng", "Dũng", "Tuấn", "Hải", "Nam", "Long", "Sơn", "Minh", "Thành", "Cường", "Trung", "Đức", "Hưng", "Phúc",
    "Quân", "Khoa", "Bình", "Hoà", "An", "Thắng", "Tiến", "Toàn", "Vinh", "Lộc", "Khánh", "Phong", "Thịnh", "Đạt",
    "Kiên", "Lâm", "Tú", "Huy", "Bảo", "Trí", "Nghĩa", "Quyết", "Chiến", "Đông", "Tùng", "Việt",
)  # fmt: skip
GIVEN_WOMEN = (
    "Hoa", "Lan", "Hương", "Mai", "Hằng", "Nga", "Thuỷ", "Hạnh", "Trang", "Linh", "Ánh", "Ngọc", "Yến", "Loan", "Thảo",
    "Phương", "Dung", "Hà", "Vân", "Oanh", "Hiền", "Nhung", "Quỳnh", "Diệp", "Thuý", "Xuân", "Liên", "Tuyết", "Bích",
    "Hoà", "Nguyệt", "Huệ", "Giang", "Chi", "Trâm", "Thơm", "Lý", "Sen", "Cúc", "Tâm",
)  # fmt: skip
PLACES_FIRST = (
    "An", "Bình", "Tân", "Phú", "Long", "Thanh", "Đông", "Tây", "Hoà", "Vĩnh", "Mỹ", "Xuân", "Hải", "Quảng", "Yên",
    "Đại", "Thạnh", "Hưng", "Nam", "Trung",
)  # fmt: skip
PLACES_SECOND = (
    "Sơn", "Hoà", "Phú", "Thạnh", "Lộc", "Giang", "Khánh", "Thành", "Phước", "Trung", "Hải", "Lâm", "Lợi", "Định",
    "Châu", "Điền", "Hiệp", "Tiến", "Thuận", "Đức",
)  # fmt: skip
LEVELS = ("xã", "xã", "xã", "phường")
PROVINCES = (
    "Hà Nội", "Hải Phòng", "Ninh Bình", "Thanh Hoá", "Nghệ An", "Quảng Trị", "Đà Nẵng", "Gia Lai", "Đắk Lắk",
    "Khánh Hoà", "Lâm Đồng", "Đồng Nai", "Tây Ninh", "Đồng Tháp", "Vĩnh Long", "Cần Thơ", "An Giang", "Cà Mau",
    "Phú Thọ", "Bắc Ninh", "Hưng Yên", "Thái Nguyên", "Lào Cai", "Tuyên Quang", "Lạng Sơn", "Cao Bằng", "Sơn La",
)  # fmt: skip
KINDS = {
    "giay_khai_sinh": ("GIẤY KHAI SINH", "KS", 22), "trich_luc_khai_sinh": ("TRÍCH LỤC KHAI SINH", "TLKS-BS", 8),
    "giay_chung_nhan_ket_hon": ("GIẤY CHỨNG NHẬN KẾT HÔN", "KH", 12),
    "giay_xac_nhan_tinh_trang_hon_nhan": ("GIẤY XÁC NHẬN TÌNH TRẠNG HÔN NHÂN", "UBND-XNTTHN", 10),
    "trich_luc_khai_tu": ("TRÍCH LỤC KHAI TỬ", "TLKT", 7), "quyet_dinh": ("QUYẾT ĐỊNH", "QĐ-UBND", 15),
    "giay_chung_nhan_ho_kinh_doanh": ("GIẤY CHỨNG NHẬN ĐĂNG KÝ HỘ KINH DOANH", "HKD", 8),
    "giay_phep_xay_dung": ("GIẤY PHÉP XÂY DỰNG", "GPXD", 6),
    "giay_chung_nhan_quyen_su_dung_dat": ("GIẤY CHỨNG NHẬN QUYỀN SỬ DỤNG ĐẤT", "GCN", 8),
    "cong_van": ("V/v giải quyết hồ sơ", "UBND-VP", 4),
}  # fmt: skip
"""Title, symbol, share in a hundred."""
MONTHS_IN_FORCE = {"giay_xac_nhan_tinh_trang_hon_nhan": 6, "giay_phep_xay_dung": 12}
SUBJECTS = (
    "về việc trợ cấp xã hội hàng tháng đối với người cao tuổi", "về việc hưởng trợ cấp mai táng phí",
    "về việc cho phép chuyển mục đích sử dụng đất", "về việc công nhận hộ nghèo, hộ cận nghèo",
    "về việc xử phạt vi phạm hành chính trong lĩnh vực đất đai", "về việc thu hồi giấy chứng nhận đã cấp",
    "về việc hỗ trợ chi phí học tập cho học sinh", "về việc cấp giấy xác nhận khuyết tật",
    "về việc thay đổi, cải chính hộ tịch", "về việc bổ nhiệm cán bộ thôn, tổ dân phố",
    "về việc phê duyệt phương án bồi thường, giải phóng mặt bằng", "về việc đăng ký nhận cha, mẹ, con",
)  # fmt: skip
SENTENCES = (
    "Căn cứ Luật Tổ chức chính quyền địa phương ngày 16 tháng 6 năm 2025",
    "Căn cứ Luật Hộ tịch ngày 20 tháng 11 năm 2014", "Căn cứ Luật Đất đai ngày 18 tháng 01 năm 2024",
    "Căn cứ Nghị định số 123/2015/NĐ-CP quy định chi tiết một số điều và biện pháp thi hành Luật Hộ tịch",
    "Xét đề nghị của công chức Tư pháp - Hộ tịch", "Theo đề nghị của Trưởng phòng Kinh tế",
    "Giấy này có giá trị sử dụng trong thời hạn 6 tháng, kể từ ngày cấp",
    "Mức trợ cấp hàng tháng là năm trăm nghìn đồng, kể từ ngày ký quyết định",
    "Quyết định này có hiệu lực kể từ ngày ký", "Văn phòng, các phòng chuyên môn và các cá nhân có liên quan chịu trách nhiệm thi hành",
    "Đã đăng ký tại sổ hộ tịch của địa phương, quyển số 01", "Nội dung trên được ghi đúng theo sổ gốc đang lưu giữ",
    "Diện tích sàn xây dựng tầng một là 86,5 mét vuông, chiều cao công trình 9,8 mét, số tầng 02",
    "Ngành nghề kinh doanh: bán lẻ lương thực, thực phẩm, đồ uống và tạp hoá tổng hợp",
    "Vốn kinh doanh: một trăm triệu đồng chẵn", "Thửa đất số 126, tờ bản đồ số 14, mục đích sử dụng đất ở tại nông thôn",
    "Hình thức sử dụng riêng, thời hạn sử dụng lâu dài, nguồn gốc nhận chuyển nhượng",
    "Giấy phép này có hiệu lực khởi công xây dựng trong thời hạn 12 tháng kể từ ngày cấp",
    "Người yêu cầu đã xuất trình đầy đủ giấy tờ theo quy định của pháp luật", "Hồ sơ được tiếp nhận tại Trung tâm Phục vụ hành chính công",
    "Kết quả được trả qua dịch vụ bưu chính công ích theo yêu cầu", "Nơi nhận: như Điều 3; lưu hồ sơ, văn thư",
    "Dân tộc Kinh, quốc tịch Việt Nam, nghề nghiệp làm ruộng", "Nguyên nhân chết: bệnh già, có giấy báo tử của trạm y tế",
    "Yêu cầu chủ đầu tư thông báo ngày khởi công bằng văn bản trước khi thi công", "Kèm theo danh sách và hồ sơ liên quan",
)  # fmt: skip
