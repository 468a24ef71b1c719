#!/usr/bin/env bash
# Makes .venv with everything the software runs on. Safe to run again: finished work takes well under a second, no network.
#
#   scripts/setup.sh          what the software needs
#   scripts/setup.sh --dev    also what tests, checks and measurements need
#
# Exit codes: 0 ready; 2 wrong use; 3 something is missing that only a person can provide (the message says what).
# The machine's own pip settings (PIP_* and pip.conf: index, proxy, certificates) are respected; none are set here.
set -euo pipefail
cd "$(dirname "$0")/.."

DEV=
case "${1:-}" in
    "") ;;
    --dev) DEV=1 ;;
    *) echo "usage: scripts/setup.sh [--dev]" >&2; exit 2 ;;
esac

VENV=.venv
STAMP=$VENV/.ready
PIP_LOG=$VENV/pip-errors.log

say() { printf '==> %s\n' "$*"; }
stop() { # message_vi message_en: what a person has to do
    printf '\n[!] %s\n[!] %s\n' "$1" "$2" >&2
    exit 3
}

# --- what has to be there from the system ----------------------------------------------------------------------------
# Asked by the thing itself, not by the package: a machine may have it from elsewhere.

is_python() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }
can_venv() { "$1" -c 'import venv, ensurepip' >/dev/null 2>&1; }

find_python() { # the newest that can make a venv; else the newest that is new enough
    local name second=""
    for name in python3.13 python3.12 python3.11 python3; do
        if is_python "$name"; then
            if can_venv "$name"; then echo "$name"; return; fi
            second=${second:-$name}
        fi
    done
    echo "$second"
}

has_language() {
    local folder
    for folder in "${TESSDATA_PREFIX:-}" /usr/share/tesseract-ocr/*/tessdata /usr/share/tessdata; do
        if [ -n "$folder" ] && [ -e "$folder/$1.traineddata" ]; then return 0; fi
    done
    return 1
}

has_font() {
    local base
    for base in /usr/share/fonts /usr/local/share/fonts "$HOME/.fonts" "$HOME/.local/share/fonts"; do
        if compgen -G "$base/$1" >/dev/null || compgen -G "$base/*/$1" >/dev/null || compgen -G "$base/*/*/$1" >/dev/null; then
            return 0
        fi
    done
    return 1
}

has_liberation_2() { # 1.x, which Debian 12 calls fonts-liberation, has no Vietnamese letters
    if has_font liberation2/LiberationSerif-Regular.ttf; then return 0; fi
    case "$(dpkg-query -W -f '${Version}' fonts-liberation 2>/dev/null)" in
        "" | 1.* | 1:1.*) return 1 ;;
        *) return 0 ;;
    esac
}

liberation_package() {
    local versions # read whole: a grep that leaves early would break the pipe
    versions=$(apt-cache show fonts-liberation2 2>/dev/null | sed -n 's/^Version: *\(1:\)\{0,1\}//p')
    case "$versions" in
        2*) echo fonts-liberation2 ;;
        *) echo fonts-liberation ;;
    esac
}

missing_packages() {
    command -v tesseract >/dev/null || echo tesseract-ocr
    has_language vie || echo tesseract-ocr-vie
    has_language osd || echo tesseract-ocr-osd
    has_liberation_2 || echo liberation
    has_font DejaVuSans.ttf || echo fonts-dejavu-core
    if [ -n "$DEV" ]; then
        has_font NotoSerif-Regular.ttf || echo fonts-noto-core
        command -v pdftotext >/dev/null && command -v pdfsig >/dev/null || echo poppler-utils
        command -v qpdf >/dev/null || echo qpdf
        command -v openssl >/dev/null || echo openssl
    fi
}

as_root() { # prints what puts a command in root's hands; fails when nothing does without asking for a password
    if [ "$(id -u)" = 0 ]; then echo env; elif sudo -n true 2>/dev/null; then echo "sudo -n env"; else return 1; fi
}

install_packages() {
    local root="" packages=("$@") at
    if ! command -v apt-get >/dev/null; then
        stop "Máy này không có apt. Hãy cài bằng công cụ của hệ điều hành: ${packages[*]/#liberation/fonts-liberation2}" \
            "This system has no apt. Install with its own tool: ${packages[*]/#liberation/fonts-liberation2}"
    fi
    if root=$(as_root); then
        say "Cập nhật danh mục gói / updating the package lists"
        $root DEBIAN_FRONTEND=noninteractive apt-get -qq -o Acquire::Retries=3 update ||
            say "Không cập nhật được danh mục, vẫn thử cài / the update failed, trying to install all the same"
    fi
    for at in "${!packages[@]}"; do
        if [ "${packages[at]}" = liberation ]; then packages[at]=$(liberation_package); fi
    done
    local command="apt-get install -y --no-install-recommends ${packages[*]}"
    if [ -n "$root" ]; then
        say "Cài gói hệ thống / system packages: ${packages[*]}"
        $root DEBIAN_FRONTEND=noninteractive apt-get -qq -o Acquire::Retries=3 -o Dpkg::Use-Pty=0 \
            install -y --no-install-recommends "${packages[@]}" >/dev/null && [ -z "$(missing_packages)" ] && return
    fi
    stop "Thiếu gói hệ thống. Hãy chạy lệnh sau rồi chạy lại:   sudo $command" \
        "System packages are missing. Run this, then run again:   sudo $command"
}

# The stamp says what was set up, from which files, in which folder: a venv holds its own path.
read -r ready_kind ready_files ready_folder < <(cat "$STAMP" 2>/dev/null || echo) || true
files=$(cat requirements.lock requirements-dev.lock pyproject.toml scripts/setup.sh | sha256sum | cut -d' ' -f1)
# What was once set up for development stays so.
LOCK=requirements.lock KIND=run
if [ -n "$DEV" ] || [ "$ready_kind" = dev ]; then LOCK=requirements-dev.lock KIND=dev; fi

PYTHON=
if ! is_python "$VENV/bin/python" || ! "$VENV/bin/python" -c 'import pip' 2>/dev/null; then
    PYTHON=$(find_python)
    if [ -z "$PYTHON" ]; then
        stop "Cần Python 3.11 trở lên. Hãy chạy: sudo apt-get install -y python3 python3-venv" \
            "Python 3.11 or newer is needed. Run: sudo apt-get install -y python3 python3-venv"
    fi
fi

mapfile -t packages < <(missing_packages)
if [ -n "$PYTHON" ] && ! can_venv "$PYTHON"; then
    packages+=("$("$PYTHON" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')")
fi
if [ ${#packages[@]} -gt 0 ]; then install_packages "${packages[@]}"; fi

if [ -z "$PYTHON" ] && [ "$ready_files" = "$files" ] && [ "$ready_kind" = "$KIND" ] && [ "$ready_folder" = "$PWD" ]; then
    exit 0
fi

# A software token for the tests of PKCS#11; without it they are skipped, so nothing stops for its sake.
if [ -n "$DEV" ] && ! command -v softhsm2-util >/dev/null && root=$(as_root) && command -v apt-get >/dev/null; then
    say "Cài thêm để kiểm thử / for the tests: softhsm2"
    $root DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 install -y --no-install-recommends softhsm2 \
        >/dev/null 2>&1 || say "Chưa cài được, bỏ qua / not available, going on without"
fi

# --- Python packages -------------------------------------------------------------------------------------------------
retry() { # pip repeats single downloads itself; this is for a network that goes away for longer
    local turn
    for turn in 1 2 3; do
        if "$@"; then return 0; fi
        if [ "$turn" -lt 3 ]; then
            say "Chưa được, thử lại sau $((turn * 5)) giây / failed, trying again in $((turn * 5)) s"
            sleep $((turn * 5))
        fi
    done
    return 1
}

install_lock() { # the lock is complete, so nothing has to be resolved; wheels only, so nothing foreign is built here
    local line count=0 total
    total=$(grep -c '^[a-z0-9]' "$LOCK")
    "$VENV/bin/python" -m pip install --require-hashes --no-deps --only-binary :all: --no-compile --progress-bar off \
        -r "$LOCK" 2>"$PIP_LOG" | while IFS= read -r line; do
        case "$line" in
            Collecting*) count=$((count + 1)); [ $((count % 20)) -ne 0 ] || echo "    $count / $total" ;;
            Installing*) echo "    giải nén / unpacking" ;;
        esac
    done || { grep -v '^WARNING' "$PIP_LOG" | tail -n 20 >&2; return 1; }
}

rm -f "$STAMP"
if [ -n "$PYTHON" ]; then
    say "Tạo $VENV với $("$PYTHON" --version) / making $VENV"
    "$PYTHON" -m venv --clear "$VENV"
elif [ -n "$ready_folder" ] && [ "$ready_folder" != "$PWD" ]; then
    say "Thư mục đã được chuyển / the folder was moved: $ready_folder"
    { grep -lIrF "$ready_folder/$VENV" "$VENV/bin" || true; } |
        xargs -r -d '\n' sed -i "s|$ready_folder/$VENV|$PWD/$VENV|g"
fi

say "Cài thư viện Python (vài phút ở lần đầu) / Python packages (minutes the first time): $LOCK"
if ! retry install_lock; then
    stop "Không cài được thư viện Python. Kiểm tra mạng và cấu hình pip (pip config list) rồi chạy lại; phần đã tải được giữ lại." \
        "The Python packages could not be installed. Check the network and pip's settings (pip config list), then run again."
fi
"$VENV/bin/python" -m pip install -q --no-deps --no-build-isolation --no-index -e . 2>"$PIP_LOG" ||
    { cat "$PIP_LOG" >&2; stop "Không cài được chính phần mềm." "The software itself could not be installed."; }

# Whatever PYTHONDONTWRITEBYTECODE says: without bytecode each start of the program costs many seconds.
say "Biên dịch sẵn / compiling"
"$VENV/bin/python" -m compileall -qq -j 0 "$VENV/lib" || true # some packages carry templates that are not Python

"$VENV/bin/python" -m pip check >/dev/null ||
    stop "Các thư viện không khớp nhau; hãy xoá $VENV rồi chạy lại." \
        "The packages do not fit together; delete $VENV and run again."
echo "$KIND $files $PWD" >"$STAMP"
say "Sẵn sàng / ready: $VENV"
