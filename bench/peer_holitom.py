#!/usr/bin/env python3
"""Times the published HoliTom outer stage on the inputs of reduce_bench, on this machine.

Needs PyTorch, NumPy, and a checkout of https://github.com/cokeshao/HoliTom (yours; nothing of it is
part of this project):

    python bench/peer_holitom.py --repo ~/HoliTom --frames 32 --positions 196 --width 3584 --threads 2

Timed: from the moment the vision tower hands over its features until the merged tokens exist, inside
the published `prepare_inputs_labels_for_multimodal`, which runs unchanged. Not timed: the vision
tower, pooling, and the assembly of the language model's input. Prints one line of JSON.
"""

import argparse
import importlib.util
import json
import os
import pathlib
import resource
import statistics
import sys
import time
import types

# Large temporaries come back from the heap instead of as fresh pages that must be faulted in again,
# and in huge pages: without this the published code takes two to three times as long.
TUNED_ALLOCATOR = {
    "THP_MEM_ALLOC_ENABLE": "1",
    "MALLOC_MMAP_THRESHOLD_": str(32 << 30),
    "MALLOC_TRIM_THRESHOLD_": str(1 << 40),
    "MALLOC_TOP_PAD_": str(64 << 20),
}
IMAGE_TOKEN = -200


def load_published(repo):
    """The class with the published functions; its imports are met by empty modules."""
    constants = {
        "IGNORE_INDEX": -100,
        "IMAGE_TOKEN_INDEX": IMAGE_TOKEN,
        "DEFAULT_IMAGE_PATCH_TOKEN": "",
        "DEFAULT_IM_START_TOKEN": "",
        "DEFAULT_IM_END_TOKEN": "",
    }
    silent = {"rank0_print": lambda *_: None, "rank_print": lambda *_: None}
    for name, contents in {
        "llava": {},
        "llava.constants": constants,
        "llava.mm_utils": {"get_anyres_image_grid_shape": None},
        "llava.utils": silent,
    }.items():
        sys.modules[name] = types.ModuleType(name)
        vars(sys.modules[name]).update(contents)
    path = pathlib.Path(repo, "holitom", "llava_arch.py")
    if not path.exists():
        sys.exit(f"{path}: not found; expected a checkout of cokeshao/HoliTom")
    spec = importlib.util.spec_from_file_location("published_holitom", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.LlavaMetaForCausalLM_holitom


def make_driver(torch, published, features, attention):
    """A model around the published functions that only hands over features and notes the time."""

    class Driver(published):
        config = types.SimpleNamespace(
            mm_patch_merge_type="spatial", mm_newline_position="one_token"
        )
        device = torch.device("cpu")
        training = False

        def get_vision_tower(self):
            return self

        def get_2dPool(self, x):  # the inputs are already pooled
            return x

        def encode_images_multi(self, _):
            self.begin = time.perf_counter()
            return features, attention, None, features.dtype

        def get_model(self):
            return self

        def embed_tokens(self, ids):  # the first thing after the merge
            self.seconds = time.perf_counter() - self.begin
            return torch.zeros(ids.shape[0], features.shape[2])

        def run(self):
            """Seconds, and the number of tokens left."""
            ids = torch.tensor([[1, IMAGE_TOKEN]])
            images = [torch.zeros(features.shape[0], 3, 1, 1)]
            result = self.prepare_inputs_labels_for_multimodal(
                ids, None, None, None, None, images, ["video"]
            )
            return self.seconds, result[4].shape[1] - 1

    return Driver()


def load_inputs(arguments):
    if arguments.input:
        from safetensors.numpy import load_file

        tensors = load_file(arguments.input)
        return tensors["features"], tensors["attention"]
    from planted_video import planted_video

    return planted_video(
        arguments.frames, arguments.positions, arguments.width, arguments.seed
    )


def parse_arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repo", required=True, help="checkout of cokeshao/HoliTom")
    parser.add_argument("--input", help="safetensors with features [F,S,D] and attention [F,S]")
    parser.add_argument("--frames", type=int, default=32)
    parser.add_argument("--positions", type=int, default=196)
    parser.add_argument("--width", type=int, default=3584)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--retain", type=float, default=0.10)
    parser.add_argument("--tau", type=float, default=0.80)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--warmup", type=int, default=2)
    parser.add_argument("--repeat", type=int, default=10)
    parser.add_argument(
        "--default-allocator", action="store_true", help="leave the allocator's settings alone"
    )
    return parser.parse_args()


def main():
    arguments = parse_arguments()
    if not arguments.default_allocator and "MALLOC_TRIM_THRESHOLD_" not in os.environ:
        os.execve(sys.executable, [sys.executable, *sys.argv], os.environ | TUNED_ALLOCATOR)
    import torch

    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    for name in ("BETA", "D", "K", "MAX_WINDOW_SIZE", "NO_BETA", "HOLITOM_k", "HOLITOM_r"):
        os.environ.pop(name, None)
    os.environ.update(RETAIN_RATIO=repr(arguments.retain), T=repr(arguments.tau))

    from planted_video import checksum

    features, attention = load_inputs(arguments)
    bits = checksum(features)
    driver = make_driver(
        torch, load_published(arguments.repo), torch.from_numpy(features), torch.from_numpy(attention)
    )
    with torch.inference_mode():
        for _ in range(arguments.warmup):
            driver.run()
        runs = [driver.run() for _ in range(arguments.repeat)]
    milliseconds = [1e3 * seconds for seconds, _ in runs]
    print(
        json.dumps(
            {
                "what": "published HoliTom, outer stage",
                "torch": torch.__version__,
                "threads": arguments.threads,
                "allocator": "default" if arguments.default_allocator else "tuned",
                "shape": list(features.shape),
                "features_checksum": bits,
                "retain": arguments.retain,
                "tau": arguments.tau,
                "tokens_kept": runs[0][1],
                "repeats": arguments.repeat,
                "median_ms": round(statistics.median(milliseconds), 3),
                "min_ms": round(min(milliseconds), 3),
                "max_ms": round(max(milliseconds), 3),
                "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
            }
        )
    )


if __name__ == "__main__":
    main()
