"""A model at the other end of `sluice loop`: python model_peer.py PACKETS FEEDBACK [MODEL.secret LOOP.public]"""
import json, sys, time
import numpy, zmq
from safetensors.numpy import load, save

packets, feedback = zmq.Context.instance().socket(zmq.SUB), zmq.Context.instance().socket(zmq.PUSH)
packets.conflate = feedback.immediate = True     # the newest packet; no feedback for an absent loop
packets.subscribe(b"")
for socket, endpoint in (packets, sys.argv[1]), (feedback, sys.argv[2]):
    if sys.argv[3:]:                             # CURVE: our key pair, and the loop's public key
        secret = open(sys.argv[3], "rb").read().strip()
        socket.curve_secretkey, socket.curve_publickey = secret, zmq.curve_public(secret)
        socket.curve_serverkey = open(sys.argv[4], "rb").read().strip()
    socket.heartbeat_ivl, socket.heartbeat_timeout, socket.connect_timeout = 200, 600, 500
    socket.linger = 0
    socket.connect(endpoint)
while True:
    blob, start = packets.recv(), time.monotonic()
    info = json.loads(blob[8:8 + int.from_bytes(blob[:8], "little")])["__metadata__"]
    if info.get("sluice.requires"):              # padding, for instance: see packet.md, "Fixed shape"
        sys.exit("not a packet that this reader understands")
    if info["end_of_stream"] == "true":
        continue                                 # another loop may come
    tensors, answer = load(blob), {}
    for source in filter(None, info["sources"].split(",")):
        tokens = tensors[source + "/features"]   # [N,D]: run your model on these rows
        answer[source + "/semantic_attention"] = numpy.full(len(tokens), 1, numpy.float32)
    about = {key: info[key] for key in ("stream", "episode", "tick", "sources", "sluice.schema")}
    latency = {"sluice.message": "feedback", "model_latency_ms": str(1e3 * (time.monotonic() - start))}
    try:
        feedback.send(save(answer, about | latency), zmq.DONTWAIT)
    except zmq.Again:
        pass                                     # the loop is not there: it would be stale
    print(info["tick"], {name: column.shape for name, column in tensors.items()}, flush=True)
