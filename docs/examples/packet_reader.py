"""Prints the packets of a stream: python packet_reader.py tcp://127.0.0.1:5555"""
import json, sys
import zmq
from safetensors.numpy import load

socket = zmq.Context().socket(zmq.PULL)
socket.connect(sys.argv[1])
end = False
while not end:
    blob = socket.recv()
    info = json.loads(blob[8:8 + int.from_bytes(blob[:8], "little")])["__metadata__"]
    if (info["sluice.message"] != "packet" or info["sluice.schema"].split(".")[0] != "1"
            or info.get("sluice.requires")):
        sys.exit("not a packet that this reader understands")
    tensors = load(blob)
    for source in filter(None, info["sources"].split(",")):
        print(info["sequence"], source, tensors[source + "/features"].shape)
    end = info["end_of_stream"] == "true"
