#!/usr/bin/env bash
# After `sohoa digitise`: check one record, sign what is checked, certify one copy, verify both, refuse a forgery.
# Everything is signed with the demo keys of the home folder and marked so on every page.
set -euo pipefail
home=${1:?usage: scripts/demo.sh HOME}
export SOHOA_HOME=$home OMP_THREAD_LIMIT=1
# Codes and books need an agency code (QĐ 20/2020/QĐ-TTg); this one is for the trial only, nothing is written to sohoa.toml.
export SOHOA_OFFICE__CODE=${SOHOA_OFFICE__CODE:-H26.99} SOHOA_OFFICE__NAME=${SOHOA_OFFICE__NAME:-UBND xã Thử Nghiệm}
sohoa=.venv/bin/sohoa python=.venv/bin/python
out=$home/demo
rm -rf "$out"
mkdir -p "$out"
step() { printf '\n== %s\n' "$1"; }

step "Người kiểm tra xác nhận một giấy tờ / a checker confirms one record"
record=$("$sohoa" review list --json | "$python" -c '
import json, sys
rows = json.load(sys.stdin)["documents"]
print(rows[0]["id"] + " " + rows[0]["batch"] if rows else "")') || [ $? -eq 1 ]
read -r id batch <<<"$record"
if [ -n "${id:-}" ]; then
    "$sohoa" review show "$id" | sed -n 1,12p || true
    "$sohoa" review confirm "$id" --all --user "can-bo-kiem-tra"
    step "Ký cả lô bằng khoá thử nghiệm / sign the batch with the demo keys"
    "$sohoa" sign batch "$batch" --yes --user "van-thu" || [ $? -eq 1 ]
    "$sohoa" export "$id" --to "$out" >/dev/null
fi

step "Chứng thực một bản sao từ bản chính vừa chụp / certify one copy from a fresh capture"
stamp=$(date +%s)
"$python" -m samples set --level clean --count 1 --seed "$stamp" --kind giay_khai_sinh --out "$out/capture-$stamp" >/dev/null
capture=$(echo "$out/capture-$stamp"/input/*.pdf)
copy=$out/ban-sao-chung-thuc-$stamp.pdf
"$sohoa" copy certify "$capture" --pages 1 --requester "Nguyễn Thị Bích Ngọc" --original "Giấy khai sinh" \
    --answers kkkkkk --all-pages --compared --to "$copy"

step "Kiểm tra: của chúng tôi và của poppler / verify: ours and poppler's"
"$sohoa" verify "$out"/*.pdf
if command -v pdfsig >/dev/null; then
    pdfsig "$copy" 2>/dev/null | grep -E "^Signature|Validation: Signature|Total document" || true
fi

step "Bản giả bị từ chối / a forged copy is refused"
forged=$out/ban-gia-$stamp.pdf
"$python" - "$copy" "$forged" <<'PY'
import sys
data = bytearray(open(sys.argv[1], "rb").read())
data[len(data) // 3] ^= 1  # one bit of the signed part
open(sys.argv[2], "wb").write(data)
PY
if "$sohoa" verify "$forged"; then
    echo "LỖI: bản giả được chấp nhận / the forgery was accepted" >&2
    exit 1
fi
rm -f "$forged"
