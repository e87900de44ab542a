"""A judge of content for the tests: a question a line, an answer a line.

What it does stands in the text that it is shown; the first argument is a file that it writes
every question to, and beside it, with `.started` behind its name, its process id at each start.
"""

import base64
import json
import os
import sys
import time

log = sys.argv[1]
with open(log + ".started", "a") as started:
    started.write(f"{os.getpid()} {sorted(set(os.environ) - {'LC_CTYPE', 'PWD'})}\n")


def judge(question):
    seen = " ".join(str(question.get(key, "")) for key in ("subject", "text", "html"))
    seen += " ".join(base64.b64decode(file["content"]).decode("latin-1") for file in question["files"])
    if "please wait" in seen:
        time.sleep(60)
    if "please die once" in seen and not os.path.exists(log + ".died"):
        open(log + ".died", "w").close()
        sys.exit(3)
    if "please die always" in seen:
        sys.exit(3)
    if "EICAR-STANDARD-ANTIVIRUS-TEST-FILE" in seen:
        return {"verdict": "refuse", "reason": "Eicar-Test-Signature"}
    if "look closer" in seen:
        return {"verdict": "hold", "kind": "sexual"}
    if "seal it" in seen:
        return {"verdict": "escalate"}
    return {"verdict": "pass"}


for line in sys.stdin:
    with open(log, "a") as asked:
        asked.write(line)
    question = json.loads(line)
    print(json.dumps({"id": question["id"], **judge(question)}), flush=True)
