"""HTML pages behind links in mails."""

from html import escape
from string import Template
from typing import Final

from starlette.responses import HTMLResponse

from perdure.contracts import ApprovalRequested
from perdure.values.printable import as_text, one_line, printable
from perdure_notifier.render import decided_before

__all__ = ["outcome_page", "request_page"]

_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'",
    "Referrer-Policy": "no-referrer",  # the address contains the token: no other site may learn it
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex",
}

_PAGE: Final = Template("""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>$title</title>
<style>
  body { font: 16px/1.5 system-ui, sans-serif; color: #1c1e21; background: #f4f5f7; margin: 0; padding: 2rem 1rem; }
  main { max-width: 44rem; margin: auto; padding: 2rem; background: #fff; border: 1px solid #dcdfe4;
         border-radius: 10px; }
  h1 { font-size: 1.35rem; margin: 0 0 .25rem; }
  h2 { font-size: .8rem; margin: 1.5rem 0 .25rem; color: #5b616b; text-transform: uppercase; letter-spacing: .05em; }
  p { margin: 0 0 .5rem; } .context { color: #5b616b; font-size: .9rem; overflow-wrap: anywhere; }
  pre { background: #f4f5f7; border-radius: 6px; padding: 1rem; overflow: auto; white-space: pre-wrap; margin: 0; }
  textarea { width: 100%; box-sizing: border-box; font: inherit; padding: .5rem; border-radius: 6px;
             border: 1px solid #b3b9c4; }
  button { font: inherit; font-weight: 600; padding: .6rem 1.4rem; margin: 1rem .5rem 0 0; border: 0;
           border-radius: 6px; color: #fff; cursor: pointer; }
  .approve { background: #1f7a4d; } .reject { background: #b3261e; }
  button:focus-visible, textarea:focus-visible { outline: 3px solid #4c9aff; outline-offset: 2px; }
  @media (prefers-color-scheme: dark) {
    body { background: #16181c; color: #e3e5e8; } main { background: #1f2228; border-color: #363b44; }
    pre, textarea { background: #16181c; color: inherit; } h2, .context { color: #a0a7b4; }
  }
</style>
<main>
$content
</main>
</html>
""")

_REQUEST: Final = Template("""<h1>$title</h1>
<p class="context">$context</p>
$shown
<form method="post">
  <h2><label for="comment">Comment, or reason for a rejection</label></h2>
  <textarea id="comment" name="comment" rows="3" maxlength="4000"></textarea>
  <button class="approve" name="decision" value="approve">Approve</button>
  <button class="reject" name="decision" value="reject">Reject</button>
</form>
""")


def request_page(request: ApprovalRequested, approver: str) -> HTMLResponse:
    """Return the page that shows a request and its action on approval, with buttons to approve or reject it."""
    context = [f"Request {request.request_id} of {request.workflow}"]
    context += [f"requested by {request.requester}"] if request.requester else []
    context += [f"you decide as {approver}", f"decide {decided_before(request.expires_at)}"]
    parts = (("Details", request.details), ("On approval", request.action))
    shown = "\n".join(
        f"<h2>{name}</h2>\n<pre>{escape(as_text(value))}</pre>" for name, value in parts if value is not None
    )
    title = one_line(request.title)
    content = _REQUEST.substitute(title=escape(title), context=escape(one_line(" · ".join(context))), shown=shown)
    return _page(title, content)


def outcome_page(headline: str, text: str, *, status: int = 200) -> HTMLResponse:
    """Return a page with the result of an action."""
    return _page(headline, f"<h1>{escape(headline)}</h1>\n<p>{escape(printable(text))}</p>", status=status)


def _page(title: str, content: str, *, status: int = 200) -> HTMLResponse:
    return HTMLResponse(_PAGE.substitute(title=escape(title), content=content), status_code=status, headers=_HEADERS)
