"""Files of a user's own, as tests make them in the folder of the command."""

from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from sim.config.data import DataConfig, load_examples

COUNT = 60
RNG = np.random.default_rng(0)
ROWS = RNG.normal(size=(COUNT, 3))
TEXTS = np.where(np.arange(COUNT) % 3, "no", "yes")
TOKENS = np.arange(COUNT)[:, None] * 1301 // 5 ** np.arange(7) % 5


def arrays(suffix="", **fields):
    np.savez(f"mine{suffix}.npz", **{"inputs": ROWS, "labels": TEXTS, **fields})
    return {"dataset": "file", "path": f"mine{suffix}.npz"}


def table(path="mine.csv", **columns):
    frame = pd.DataFrame({"age": ROWS[:, 0], "sex": RNG.choice(["f", "m"], COUNT), "label": TEXTS, **columns})
    frame.to_parquet(path) if path.endswith("parquet") else frame.to_csv(path, index=False)
    return {"dataset": "file", "path": path}


def images(sizes=((9, 7),), mode="RGB", classes=("cat", "dog")):
    for number in range(8):
        height, width = sizes[number % len(sizes)]
        channels = {"RGB": (3,), "RGBA": (4,), "L": ()}[mode]
        pixels = np.random.default_rng(number).integers(0, 256, (height, width, *channels), dtype=np.uint8)
        own = classes[number % len(classes)]
        path = Path("images") / own
        path.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path / f"{number}.png")
    return {"dataset": "folder", "path": "images"}


def code(text, name="mine"):
    Path(f"{name}.py").write_text(f"import numpy as np\nimport pandas as pd\nimport torch\n{text}")
    return {"dataset": "module", "factory": f"./{name}.py:load"}


def loaded(config):
    return load_examples(DataConfig(**config))
