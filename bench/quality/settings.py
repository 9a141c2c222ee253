"""Every constant of the comparison.

Written down before the first run, and not changed after. What was added later, because of what the
first run showed, is at the end and marked as such on the page.
"""

BUDGETS = (0.25, 0.15, 0.10, 0.05)
TAU = 0.80  # the published default, for all features and budgets

# Clips: as many frames as LLaVA-OneVision reads, on its grid.
FRAMES_READ = 40  # evenly spread, fewer if a recording has fewer
HELD_OUT_EVERY = 5  # one of five makes queries and is in no clip: 32 frames are left of 40
HELD_OUT_OFFSET = 2
GRID = 14  # rows and columns of tokens
PIXELS = 448  # side of the square that pictures are scaled to, 32 pixels per token

# What is learned (centroids, means) is learned on this sample, which is not measured.
TRAINING_SEED = 2
SAMPLE_SEED = 1  # of the synthetic sample that is measured

# A vision transformer with random weights.
VIT_SEED = 11
VIT_WIDTH = 384
VIT_HEADS = 6
VIT_LAYERS = 6
VIT_PATCH = 16  # pixels, of a picture of 224 x 224

# Features learned without labels: k-means on small patches (Coates, Lee, Ng 2011).
KMEANS_SEED = 12
KMEANS_CENTROIDS = 256
KMEANS_FIELD = 8  # pixels, of a picture of 224 x 224
KMEANS_STRIDE = 4
KMEANS_SAMPLES = 50_000
KMEANS_ROUNDS = 10
WHITENING = 0.1  # added to the variances of contrast-normalised patches

# Queries.
QUERY_SEED = 13
RANDOM_QUERIES = 64
PATCH_QUERIES = 64
CENTROID_QUERIES = 16
CHANGED_SHARE = 0.10  # of a held-out frame's positions that make its changed region
# Attention is as sharp as gives it this share of the clip's tokens on average (its perplexity):
# neither flat (1) nor one-hot (1/N).
ATTENTION_SPREAD = 1 / 16

RANDOM_SEEDS = (1, 2, 3, 4, 5)
WORST_SHARE = 0.05  # of the dropped tokens, by their similarity to the nearest kept one

# Added after the first run.
SHARP_SPREAD = 1 / 256  # patch queries once more: does it matter how sharp attention is?
CONTEXTUAL = 0.5  # ours with this share of the dynamic tokens as clusters instead of the best
