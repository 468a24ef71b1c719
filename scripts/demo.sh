#!/usr/bin/env bash
# What a trial shows around `sohoa digitise`. Everything is signed with the demo keys of the home folder and marked so.
#
#   scripts/demo.sh HOME before   the plan as it stands: what is in force, from the sample lists
#   scripts/demo.sh HOME          check one record, sign what is checked, certify one copy, verify both, refuse a forgery;
#                                 find a record without accents, fetch it, its history and audit; the plan has moved
set -euo pipefail
home=${1:?usage: scripts/demo.sh HOME [before]}
export SOHOA_HOME=$home OMP_THREAD_LIMIT=1
# Codes and books need an agency code (QĐ 20/2020/QĐ-TTg); this one, that of the sample lists, is for the trial only, nothing is
# written to sohoa.toml.
export SOHOA_OFFICE__CODE=${SOHOA_OFFICE__CODE:-H26.12.5} SOHOA_OFFICE__NAME=${SOHOA_OFFICE__NAME:-UBND xã Thử Nghiệm}
sohoa=.venv/bin/sohoa python=.venv/bin/python
out=$home/demo
step() { printf '\n== %s\n' "$1"; }
person() { "$@" || [ $? -eq 1 ]; } # exit code 1: done, but something needs a person
progress() { # one line a kind would be long: the sums
    "$sohoa" plan status --json 2>/dev/null | "$python" -c '
import json, sys
lines = json.load(sys.stdin)["lines"]
def total(name): return sum(line[name] or 0 for line in lines)
print(f"Còn hiệu lực {total('"'in_force'"')}, đã số hoá {total('"'digitised'"')}, đã ký {total('"'signed'"')}, "
      f"còn thiếu {total('"'missing'"')} kết quả trong danh sách.")' || true
}

if [ "${2:-}" = before ]; then
    step "Kế hoạch trước khi số hoá / the plan before"
    "$sohoa" plan import samples/lists/ho-so-quy-2-2022.csv --period 2022Q2 --unit "$SOHOA_OFFICE__CODE"
    person "$sohoa" plan import samples/lists/ket-qua-con-hieu-luc.csv --kind results --unit "$SOHOA_OFFICE__CODE"
    progress
    exit 0
fi
rm -rf "$out"
mkdir -p "$out"

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
# Another paper each time, as a fresh capture is; some birth certificates have two pages, and one is declared below.
one_page='import pikepdf, sys; sys.exit(len(pikepdf.open(sys.argv[1]).pages) != 1)'
for ((stamp = $(date +%s); ; stamp++)); do
    "$python" -m samples set --level clean --count 1 --seed "$stamp" --kind giay_khai_sinh --out "$out/capture-$stamp" >/dev/null
    capture=$(echo "$out/capture-$stamp"/input/*.pdf)
    if "$python" -c "$one_page" "$capture"; then break; fi
    rm -r "$out/capture-$stamp"
done
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

if [ -n "${id:-}" ]; then
    step "Tìm không dấu, lấy bản đã kiểm tra / find without accents, fetch it verified"
    words=$("$sohoa" show "$id" --json | "$python" -c '
import json, sys, unicodedata
fields = {name: f["value"] for name, f in json.load(sys.stdin)["fields"].items() if f["value"] and " " in f["value"]}
named = [value for name, value in fields.items() if name.endswith("ho_ten")] or sorted(fields.values(), key=len, reverse=True)
folded = unicodedata.normalize("NFD", named[0].casefold().replace("đ", "d"))
words = "".join(c if c.isalnum() else " " for c in folded if not unicodedata.combining(c)).split()
print(" ".join(words[:4]))')
    printf '$ sohoa find %s\n' "$words"
    "$sohoa" find $words | sed -n 1,8p
    "$sohoa" get "$id" --to "$out/lay-lai.pdf" --purpose "chạy thử"

    step "Lịch sử của giấy tờ ấy trong nhật ký: ai làm gì, ai xem / its history in the audit chain"
    "$sohoa" audit list --object "$id"
    "$sohoa" audit check
fi

step "Kế hoạch sau khi số hoá / the plan after"
person "$sohoa" plan match
progress
person "$sohoa" plan missing | tail -6
person "$sohoa" plan report --quarter 2022Q2 --to "$out"
