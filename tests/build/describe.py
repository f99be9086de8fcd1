#!/usr/bin/env python3
"""Prints what an OCI archive holds above its base: configuration, history, layers.

describe.py ARCHIVE BASE_DIFF_ID < VOLATILE_PATTERNS"""
import fnmatch, gzip, hashlib, io, json, sys, tarfile
archive, base = sys.argv[1], sys.argv[2:]
volatile = [l.strip() for l in open(0) if l.strip()]
t = tarfile.open(archive)
blob = lambda d: t.extractfile("blobs/" + d.replace(":", "/")).read()
m = json.loads(blob(json.load(t.extractfile("index.json"))["manifests"][0]["digest"]))
if "manifests" in m: m = json.loads(blob(m["manifests"][0]["digest"]))
c = json.loads(blob(m["config"]["digest"]))
diffs = c["rootfs"]["diff_ids"]
n = 0
while n < len(diffs) and n < len(base) and diffs[n] == base[n]: n += 1
print("config"); print(json.dumps(c["config"], indent=1, sort_keys=True, ensure_ascii=False))
print("history")
layers = 0
for h in c["history"]:
    has = not h.get("empty_layer")
    layers += has
    if layers <= n and (has or layers < n): continue
    print(("layer " if has else "empty ") + json.dumps(h.get("created_by", ""), ensure_ascii=False) + (" " + h["comment"] if h.get("comment") else ""))
for l in m["layers"][n:]:
    raw = blob(l["digest"])
    if raw[:2] == b"\x1f\x8b": raw = gzip.decompress(raw)
    print("layer")
    x = tarfile.open(fileobj=io.BytesIO(raw))
    for e in x:
        kind = {tarfile.REGTYPE: "f", tarfile.AREGTYPE: "f", tarfile.DIRTYPE: "d", tarfile.SYMTYPE: "l", tarfile.LNKTYPE: "h", tarfile.CHRTYPE: "c", tarfile.BLKTYPE: "b", tarfile.FIFOTYPE: "p"}[e.type]
        line = f"{kind} {e.mode:04o} {e.uid}:{e.gid} {e.name}"
        if kind in "lh": line += " -> " + e.linkname
        if kind in "cb": line += f" {e.devmajor}:{e.devminor}"
        if kind == "f":
            v = any(fnmatch.fnmatchcase(e.name, p) for p in volatile)
            line += " volatile" if v else f" {e.size} {hashlib.sha256(x.extractfile(e).read()).hexdigest()[:16]}"
        for k in sorted(e.pax_headers):
            if k.startswith("SCHILY.xattr."): line += f" {k[13:]}={e.pax_headers[k].encode('utf-8','surrogateescape').hex()}"
        print(line)
