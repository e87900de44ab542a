"""Verifies an evidence bundle by its documented format alone (SPECS.md, "Evidence bundles"): bundle.py FILE KEY [ANCHOR...]

Knows nothing of tabir but that text. Prints one line for each thing that does not hold, or `whole`; exits 1 or 0."""
import base64, hashlib, json, sys, zipfile

import nacl.exceptions, nacl.signing

faults = []


def fault(text):
    faults.append(text)


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def lines(files, name):
    text = files.get(name, b"")
    return text.split(b"\n")[:-1] if text.endswith(b"\n") else text.split(b"\n") if text else []


def signed_by(key, signature, text):
    try:
        nacl.signing.VerifyKey(base64.b64decode(key)).verify(text, base64.b64decode(signature))
        return True
    except (nacl.exceptions.BadSignatureError, ValueError, TypeError):
        return False


def check_chain(files, manifest):
    withheld = set(manifest.get("withheld", []))
    genesis = sha256(b"tabir evidence 1\n", manifest["marketplace"].encode(), b"\n", manifest["conversation"].encode())
    links = [bytes.fromhex(line.decode()) for line in lines(files, "links.txt")]
    entries, read = lines(files, "entries.jsonl"), []
    for n in range(max(len(entries), len(links))):
        before = genesis if n == 0 else links[n - 1] if n - 1 < len(links) else None
        line = entries[n] if n < len(entries) else None
        if line is not None and n in withheld and line == b'{"seq":%d,"withheld":true}' % n and n < len(links):
            read.append(None)
            continue
        if line is None or before is None or n >= len(links) or sha256(before, line) != links[n]:
            fault(f"entry {n}")
            return links, None
        entry = json.loads(line)
        if entry["seq"] != n:
            fault(f"entry {n}")
        read.append(entry)
    head = links[-1] if links else genesis
    if head.hex() != manifest["head"] or len(entries) != manifest["entries"]:
        fault("head")
    return links, read


def commitment(entry, part):
    if part is None:
        return entry.get("commitment")
    named = [fact[len(part) + 1:] for fact in entry.get("facts", "").split() if fact.startswith(part + "=")]
    return named[0] if named else None


def check_openings(files, read):
    for name in ("private.jsonl", "parts.jsonl"):
        last = -1
        for line in lines(files, name):
            opened = json.loads(line)
            seq, part = opened["seq"], opened.get("part")
            entry = read[seq] if 0 <= seq < len(read) else None
            expected = commitment(entry, part) if entry else None
            if expected is None and part and entry:
                continue  # rests on the signature alone
            if seq <= last or expected != sha256(bytes.fromhex(opened["salt"]), opened["text"].encode()).hex():
                fault(f"opening {seq}")
            last = seq


def check_case(files, manifest, read):
    if "case" not in manifest:
        return
    for name in ("private.jsonl", "parts.jsonl"):
        for line in lines(files, name):
            seq = json.loads(line)["seq"]
            entry = read[seq] if 0 <= seq < len(read) else None
            if entry is None or "case=" + manifest["case"] not in entry.get("facts", "").split():
                fault(f"beside the case {seq}")


def check_files(files, manifest):
    listed = {item["name"]: item for item in manifest["files"]}
    for name, item in listed.items():
        content = files.get(name)
        if content is None or len(content) != item["bytes"] or sha256(content).hex() != item["sha256"]:
            fault(f"file {name}")
        if name.startswith("files/") and name != "files/" + item["sha256"]:
            fault(f"file {name}")
    for name in set(files) - set(listed) - {"manifest.json", "signature.json"}:
        fault(f"file {name}")


def leads(index, size, node, path, root):
    """RFC 9162, section 2.1.3.2."""
    if index >= size:
        return False
    at, last = index, size - 1
    for beside in path:
        if last == 0:
            return False
        if at & 1 or at == last:
            node = sha256(b"\x01", beside, node)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            node = sha256(b"\x01", node, beside)
        at, last = at >> 1, last >> 1
    return last == 0 and node == root


def check_anchors(files, manifest, links, key, known):
    genesis = sha256(b"tabir evidence 1\n", manifest["marketplace"].encode(), b"\n", manifest["conversation"].encode())
    proven = set()
    for n, line in enumerate(lines(files, "anchors.jsonl")):
        proof = json.loads(line)
        anchor = proof["anchor"]
        said = json.loads(anchor["statement"])
        head = bytes.fromhex(proof["head"])
        leaf = sha256(b"\x00", genesis, head, proof["length"].to_bytes(8, "big"))
        path = [bytes.fromhex(link) for link in proof["path"]]
        if (
            anchor["key"] != key
            or said["format"] != "tabir anchor 1"
            or not signed_by(key, anchor["signature"], anchor["statement"].encode())
            or not leads(proof["index"], said["chains"], leaf, path, bytes.fromhex(said["root"]))
        ):
            fault(f"anchor {n}")
            continue
        stood = genesis if proof["length"] == 0 else links[proof["length"] - 1] if proof["length"] <= len(links) else None
        if stood != head:
            fault(f"anchored {said['at']}")
            continue
        proven.add(anchor["statement"])
    for path in known:
        anchor = json.load(open(path))
        if not signed_by(key, anchor["signature"], anchor["statement"].encode()):
            fault(f"no anchor {path}")
        elif anchor["statement"] not in proven:
            fault("not anchored")


def check(path, trusted, known):
    with zipfile.ZipFile(path) as bundle:
        files = {name: bundle.read(name) for name in bundle.namelist()}
    manifest, signature = json.loads(files["manifest.json"]), json.loads(files["signature.json"])
    if manifest["format"] not in ("tabir evidence 1", "tabir evidence 2"):
        fault("format")
    if signature["key"] != trusted:
        fault("signer")
    if not signed_by(trusted, signature["signature"], files["manifest.json"]):
        fault("signature")
    fingerprint = "SHA256:" + base64.b64encode(sha256(base64.b64decode(trusted))).decode().rstrip("=")
    if manifest["signer"] != fingerprint:
        fault("signer")
    links, read = check_chain(files, manifest)
    if read is not None:
        check_openings(files, read)
        check_case(files, manifest, read)
    check_files(files, manifest)
    check_anchors(files, manifest, links, trusted, known)


try:
    check(sys.argv[1], sys.argv[2], sys.argv[3:])
except Exception as error:  # whatever can not be read does not hold
    fault(f"unreadable: {type(error).__name__}")
print("\n".join(faults) or "whole")
sys.exit(1 if faults else 0)
