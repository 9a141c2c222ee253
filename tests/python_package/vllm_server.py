"""An HTTP server that reads embeddings by vLLM's rules (0.33), and says what it understood.

The rules, each with the file of vLLM that has it:

- `image_embeds` is base64, strict; torch.load with weights only and no map of devices; dense
  (multimodal/media/image.py). As a dictionary: each value so
  (renderers/chat_utils/content_parser.py).
- Tensors of a prompt are a list; they are embeddings if the first has two dimensions, else they
  are taken for pictures; each needs two, and the language model's width (multimodal/parse.py).
- A LLaVA's placeholder is repeated once per row (model_executor/models/llava.py). Tensors that run
  in one step must have the same number of rows (utils/tensor_schema.py).
- A Qwen2-VL takes a dictionary with `image_grid_thw`; its product, over 2 x 2, is the number of
  rows (model_executor/models/qwen2_vl.py).
- `prompt_embeds` is base64, strict; torch.load with weights only onto the CPU; a leading dimension of
  one may go; two dimensions, the width, floats (renderers/embed_utils.py).
"""

import base64
import contextlib
import http.server
import io
import json
import threading

import torch


class Refused(Exception):
    pass


def check(condition, message):
    if not condition:
        raise Refused(message)


def image_tensor(text):
    tensor = torch.load(io.BytesIO(base64.b64decode(text, validate=True)), weights_only=True)
    check(isinstance(tensor, torch.Tensor), "no tensor")
    check(tensor.device.type == "cpu", "needs a device")
    return tensor.to_dense()


def prompt_tensor(text, width):
    file = io.BytesIO(base64.b64decode(text, validate=True))
    tensor = torch.load(file, weights_only=True, map_location="cpu").to_dense()
    tensor = tensor.squeeze(0) if tensor.ndim > 2 else tensor
    check(tensor.ndim == 2, f"must be a 2D tensor; got {tuple(tensor.shape)}")
    check(tensor.shape[1] == width, f"width {tensor.shape[1]} is not the model's {width}")
    check(tensor.is_floating_point(), "is no floating-point type")
    return tensor


def llava_images(payloads, width):
    tensors = [image_tensor(payload) for payload in payloads]
    check(not tensors or tensors[0].ndim == 2, "not embeddings")
    for tensor in tensors:
        check(tensor.ndim == 2, "must be 2D")
        check(tensor.shape[1] == width, f"width {tensor.shape[1]} is not the model's {width}")
    check(len({tensor.shape for tensor in tensors}) <= 1, "contains inconsistent shapes")
    return tensors


def qwen_images(payloads, width):
    tensors = []
    for payload in payloads:
        check(isinstance(payload, dict) and "image_grid_thw" in payload, "needs image_grid_thw")
        fields = {name: image_tensor(text) for name, text in payload.items()}
        grid = fields["image_grid_thw"]
        check(grid.shape == (3,), "one grid for each")
        tensor = fields["image_embeds"]
        check(tensor.ndim == 2 and tensor.shape[1] == width, "width")
        check(int(grid.prod()) // 4 == len(tensor), "placeholders")
        tensors.append(tensor)
    return tensors


class Vllm:
    def __init__(self, width=16, family=llava_images):
        self.width, self.family = width, family
        self.seen = []
        """Tensors in the order of the prompt."""

    def chat(self, body):
        parts = [part for message in body["messages"] for part in message["content"]]
        kind = "image_embeds"
        images = iter(self.family([p[kind] for p in parts if p["type"] == kind], self.width))
        prompt = []
        for part in parts:
            if part["type"] == "text":
                prompt += part["text"].split()
                continue
            image = part["type"] == kind
            tensor = next(images) if image else prompt_tensor(part["data"], self.width)
            prompt += ["<image>" if image else "<embeds>"] * len(tensor)
            self.seen.append(tensor)
        return {"choices": [{"message": {"content": self.summary(prompt)}}]}

    def complete(self, body):
        embeds = body.get("prompt_embeds")
        check(embeds or body.get("prompt"), "Either prompt or prompt_embeds must be provided")
        self.seen.append(prompt_tensor(embeds, self.width))
        return {"choices": [{"text": self.summary(["<embeds>"] * len(self.seen[-1]))}]}

    def summary(self, prompt):
        marks = ("<image>", "<embeds>")
        counts = ", ".join(f"{prompt.count(mark)} {mark}" for mark in marks)
        return f"{counts}, {' '.join(word for word in prompt if word not in marks)}".strip(", ")

    def answer(self, path, body):
        if path == "/v1/models":
            return {"data": [{"id": "tiny"}]}
        check(body["model"] == "tiny", "no such model")
        return {"/v1/chat/completions": self.chat, "/v1/completions": self.complete}[path](body)


@contextlib.contextmanager
def serving(model):
    """The address of a server on this machine."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.reply(None)

        def do_POST(self):
            self.reply(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

        def reply(self, body):
            try:
                code, answer = 200, model.answer(self.path, body)
            except Refused as error:
                code, answer = 400, {"error": {"message": str(error)}}
            data = json.dumps(answer).encode()
            self.send_response(code)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *args):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
