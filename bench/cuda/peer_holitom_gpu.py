#!/usr/bin/env python3
"""Times the published HoliTom outer stage on a GPU, on the inputs of cuda_bench.

Needs PyTorch, NumPy, and a checkout of https://github.com/cokeshao/HoliTom (yours; nothing of it is
part of this project):

    python bench/cuda/peer_holitom_gpu.py --repo ~/HoliTom --shape 32 196 3584 --dtype f16

Timed: from the moment the vision tower hands over its features, which lie on the device, until the merged
tokens exist there, inside the published `prepare_inputs_labels_for_multimodal`, which runs unchanged.
Before both moments the device is waited for. Prints one line of JSON; "error" instead of times where the
published code fails.
"""

import argparse
import os

from gpu_peers import (
    Clock,
    add_common_options,
    checksum,
    percentiles,
    planted_clip,
    repeat,
    report,
    torch_dtype,
)
from peer_holitom import IMAGE_TOKEN, load_published, make_driver


def driver_on(torch, clock, published, features, attention):
    """The driver of bench/peer_holitom.py with all its tensors on the features' device; its moments are
    those at which the device is done."""
    driver_type = type(make_driver(torch, published, features, attention))

    class Driver(driver_type):
        device = features.device

        def encode_images_multi(self, images):
            result = super().encode_images_multi(images)
            self.begin = clock.now()
            return result

        def embed_tokens(self, ids):
            self.milliseconds = clock.now() - self.begin
            return features.new_zeros(ids.shape[0], features.shape[2])

        def run(self):
            """Milliseconds, and the number of tokens left."""
            ids = torch.tensor([[1, IMAGE_TOKEN]], device=self.device)
            images = [torch.zeros(features.shape[0], 3, 1, 1, device=self.device)]
            result = self.prepare_inputs_labels_for_multimodal(
                ids, None, None, None, None, images, ["video"]
            )
            return self.milliseconds, result[4].shape[1] - 1

    return Driver()


def measure(torch, arguments, features, attention):
    clock = Clock(torch, arguments.device)
    driver = driver_on(torch, clock, load_published(arguments.repo), features, attention)
    runs = repeat(clock, driver.run, arguments.repeats, arguments.seconds)
    return {"wall_ms": percentiles([milliseconds for milliseconds, _ in runs]), "kept": runs[0][1]}


def parse_arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repo", required=True, help="checkout of cokeshao/HoliTom")
    parser.add_argument("--shape", type=int, nargs=3, default=(32, 196, 3584), metavar="N")
    parser.add_argument("--retain", type=float, default=0.10)
    parser.add_argument("--tau", type=float, default=0.80)
    add_common_options(parser)
    return parser.parse_args()


def main():
    arguments = parse_arguments()
    for name in ("BETA", "D", "K", "MAX_WINDOW_SIZE", "NO_BETA", "HOLITOM_k", "HOLITOM_r"):
        os.environ.pop(name, None)
    os.environ.update(RETAIN_RATIO=repr(arguments.retain), T=repr(arguments.tau))
    import torch

    torch.manual_seed(0)
    features, attention = planted_clip(torch, *arguments.shape, arguments.device)
    fields = {
        "what": "outer merge",
        "way": "published HoliTom",
        "dtype": arguments.dtype,
        "shape": list(arguments.shape),
        "features_checksum": checksum(torch, features),
    }
    features = features.to(torch_dtype(torch, arguments.dtype))
    with torch.inference_mode():
        try:
            fields |= measure(torch, arguments, features, attention)
        except RuntimeError as error:  # out of memory, too
            fields["error"] = str(error).splitlines()[0]
    report(torch, arguments.device, **fields)


if __name__ == "__main__":
    main()
