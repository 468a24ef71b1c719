"""`sohoa agent`: offers the token of this PC to the portal; its terminal is where the official approves and types the PIN."""

from __future__ import annotations

import getpass
import sys
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer

from cli.call import Call
from cli.terminal import clean, place, say, show_error
from schemas.errors import WrongUse

if TYPE_CHECKING:
    from schemas.agent import AgentCertificate, PinState
    from schemas.errors import SohoaError
    from schemas.signing import JobItem

NAMES_SHOWN = 20
YES, ALL = "ky", "xem"

app = typer.Typer(
    help="Chương trình ký trên máy có cắm thiết bị ký. / Signing agent on the PC with the token.",
    invoke_without_command=True,
)


@app.callback()
def run(context: typer.Context) -> None:
    if context.invoked_subcommand is not None:
        return
    from flows.agent import run_agent

    call: Call = context.obj
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise WrongUse("sohoa agent: cần một cửa sổ lệnh để duyệt và nhập mã PIN")
    run_agent(call.settings().agent, Official(call.language), _ready)


@app.command("list", help="Các cổng đã ghép nối. / Portals this agent is paired with.")
def list_pairings() -> None:
    from flows.agent import pairings

    found = pairings()
    for pairing in found:
        say(f"{clean(pairing.origin)}  ({clean(pairing.made)})")
    if not found:
        say("Chưa ghép nối với cổng nào.")


@app.command(help="Huỷ ghép nối với một cổng. / End the pairing with a portal.")
def revoke(
    origin: str = typer.Argument(None, metavar="[CỔNG]", help="Ví dụ https://cong.vi-du.vn. / Its address."),
    everything: bool = typer.Option(False, "--all", help="Mọi cổng. / All portals."),
) -> None:
    from flows.agent import revoke_pairings

    if (origin is None) != everything:
        raise WrongUse("ghi địa chỉ một cổng, hoặc --all")
    say(f"Đã huỷ {revoke_pairings(origin)} ghép nối.")


def _ready(found) -> None:
    say(f"Chương trình ký đang chạy tại http://127.0.0.1:{found.port} (chỉ máy này). Dừng: Ctrl-C.")
    if found.paired:
        say(f"Đã ghép nối: {', '.join(clean(origin) for origin in found.paired)}")
    else:
        say("Chưa ghép nối: mở cổng trong trình duyệt và chọn „Ghép nối thiết bị ký“.")
    say(f"Nhật ký ký số: {place(found.folder / 'signed.jsonl')}")


class Official:
    """The person at the terminal."""

    def __init__(self, language: str) -> None:
        self._language = language

    def show_code(self, origin: str, code: str, seconds: float) -> None:
        say(f"\nCổng {clean(origin)} xin ghép nối.")
        say(f"Nếu đúng là anh/chị đang ghép nối, nhập mã {code} vào cổng (còn {seconds:.0f} giây).")

    def approve(self, origin: str, certificate: AgentCertificate, items: Sequence[JobItem]) -> bool:
        say(f"\nCổng {clean(origin)} xin ký {len(items)} văn bản")
        say(
            f"bằng chứng thư số: {clean(certificate.signer)} (số {clean(certificate.serial)}, {clean(certificate.token)})"
        )
        _names(items[:NAMES_SHOWN])
        more = len(items) - NAMES_SHOWN
        if more > 0:
            say(f"  … và {more} văn bản nữa (gõ {ALL} để xem hết)")
        while True:
            _drop_typed_ahead()
            _stay(f"Gõ {YES} rồi Enter để ký cả {len(items)} văn bản; chỉ Enter để từ chối: ")
            try:
                typed = input().strip().lower()
            except EOFError:
                return False
            if typed != ALL:
                return typed == YES
            _names(items)

    def pin(self, token: str, state: PinState) -> str | None:
        if state.last_try:
            say("CẢNH BÁO: đây là lần thử cuối; sai lần nữa thiết bị sẽ bị khoá. Chỉ Enter để dừng.")
        elif state.once_wrong:
            say("Lưu ý: mã PIN đã bị nhập sai ít nhất một lần; sai nhiều lần thiết bị sẽ bị khoá.")
        with warnings.catch_warnings():
            # Where the terminal cannot hide what is typed, getpass would only warn and show the PIN.
            warnings.simplefilter("error", getpass.GetPassWarning)
            try:
                return getpass.getpass(f"Mã PIN của thiết bị „{clean(token)}“ (không hiện khi gõ): ") or None
            except (getpass.GetPassWarning, EOFError):
                return None

    def progress(self, done: int, total: int) -> None:
        _stay(f"\r  Đã ký {done}/{total}" + ("\n" if done == total else ""))

    def tell(self, event: str, error: SohoaError | None = None, state: PinState | None = None) -> None:
        say(_EVENTS[event])
        if error is not None:
            show_error(error, self._language)
        if state is not None and (state.locked or state.last_try):
            say("Thiết bị đã bị khoá." if state.locked else "Thiết bị báo: chỉ còn một lần thử.")


_EVENTS = {
    "signed": "Đã ký xong cả lô.",
    "refused": "Đã từ chối; không ký thêm văn bản nào.",
    "late": "Quá thời hạn duyệt; lô bị bỏ, chưa ký văn bản nào thêm.",
    "no_token": "\nMất kết nối thiết bị ký. Những chữ ký đã tạo được giữ; cắm lại thiết bị để ký tiếp.",
    "wrong_pin": "Chưa đăng nhập được thiết bị ký.",
    "failed": "Lô này dừng lại; những chữ ký đã tạo được giữ, phần còn lại gửi lại từ cổng.",
    "cancelled": "Cổng đã huỷ phần còn lại của lô.",
    "logged_out": "Đã thoát thiết bị ký vì lâu không dùng; lần ký sau sẽ hỏi lại mã PIN.",
}


def _stay(text: str) -> None:
    """Text without a line feed."""
    print(text, end="", flush=True)


def _names(items: Sequence[JobItem]) -> None:
    for number, item in enumerate(items, 1):
        say(f"  {number:>4}. {clean(item.name)}")


def _drop_typed_ahead() -> None:
    """What was typed before the question was seen is no answer to it."""
    if sys.platform == "win32":
        import msvcrt

        while msvcrt.kbhit():
            msvcrt.getwch()
        return
    import termios

    termios.tcflush(sys.stdin, termios.TCIFLUSH)
