"""Asks a vLLM server about a video, of which it gets N tokens whatever the length.

    vllm serve llava-hf/llava-onevision-qwen2-7b-ov-hf --enable-mm-embeds --enable-prompt-embeds
    python vllm_client.py http://localhost:8000 FEATURES.pt "What happens?" --tokens 512

FEATURES.pt: a tensor [F,S,D] saved by PyTorch, what the language model is given of each frame (after
projector and pooling). --as prompt_embeds: in place of text, for models that take no image embeddings.
"""
import argparse, json, sys, urllib.error, urllib.request
import torch
import sluice
from sluice import vllm

options = argparse.ArgumentParser()
options.add_argument("server")
options.add_argument("features")
options.add_argument("question")
options.add_argument("--model", help="by default the first that the server has")
options.add_argument("--tokens", type=int, default=512)
options.add_argument("--as", dest="form", choices=("image_embeds", "prompt_embeds"), default="image_embeds")
options = options.parse_args()


def ask(path, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(options.server + path, data, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        sys.exit(f"{options.server}{path}: {error.code}: {error.read().decode(errors='replace')}")


features = torch.load(options.features, map_location="cpu", weights_only=True)
kept = sluice.reduce(features, budget=options.tokens, order="spatial")
video = vllm.image_embeds(kept) if options.form == "image_embeds" else vllm.prompt_part(kept)
content = [video, {"type": "text", "text": options.question}]
model = options.model or ask("/v1/models")["data"][0]["id"]
answer = ask("/v1/chat/completions", {"model": model, "messages": [{"role": "user", "content": content}]})
print(f"{features.shape[0] * features.shape[1]} tokens of {features.shape[0]} frames became {kept.kept}")
print(answer["choices"][0]["message"]["content"])
