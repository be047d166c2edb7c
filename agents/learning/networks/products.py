"""Products of stacked matrices whose result for a slot does not depend on the other slots.

Matrix libraries choose the order of their additions by more than the shapes: by the alignment of a matrix in
memory, which differs between slots when a matrix does not fill whole cache lines, and by the number of
matrices, for a lone one may be split over threads along the contracted axis. Both are ruled out here.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

LINE = 16
"""Size to which matrices are rounded up: a cache line of 64 bytes of float32, or two of float64."""


def product(left: Tensor, right: Tensor, bias: Tensor | None = None, out: Tensor | None = None) -> Tensor:
    """Return ``left @ right (+ bias)`` slot by slot, ``[N, a, b]`` times ``[N, b, c]``.

    `bias` is one number a column, ``[N, 1, c]``, or one a row, ``[N, a, 1]``. Sizes whose matrices fill whole
    cache lines, as those of widths and batches that are multiples of 16, cost nothing extra; others are
    padded with zeros. A lone slot is computed twice and used once. `out`, contiguous ``[N, a, c]``, takes the
    result where nothing has to be padded.
    """
    slots, a, b = left.shape
    c = right.shape[2]
    rows, columns = a * b % LINE > 0, b * c % LINE > 0
    if slots > 1 and not (rows or columns or a * c % LINE):
        # the usual case, without what the others need
        left, right = _on_a_line(left), _on_a_line(right)
        if bias is None:
            return torch.bmm(left, right, out=out)
        return torch.baddbmm(bias, left, right, out=out)
    if a * c % LINE and not rows and not columns:
        # either would do; the smaller matrix is copied
        rows, columns = a <= c, a > c
    if rows:
        left = F.pad(left, (0, 0, 0, -a % LINE))
    if columns:
        right = F.pad(right, (0, -c % LINE))
    if bias is not None and (rows or columns):
        wide, tall = bias.shape[2] > 1, bias.shape[1] > 1
        bias = F.pad(bias, (0, wide * (right.shape[2] - c), 0, tall * (left.shape[1] - a)))
    if slots == 1:
        left, right = left.expand(2, -1, -1), right.expand(2, -1, -1)
        bias = None if bias is None else bias.expand(2, -1, -1)
    left, right = _on_a_line(left), _on_a_line(right)
    out = torch.bmm(left, right) if bias is None else torch.baddbmm(bias, left, right)
    return out[:slots, :a, :c]


def whole_lines(examples: Tensor) -> Tensor:
    """Return int64 ``[G, V]`` with its first column repeated until V is a multiple of `LINE`.

    Activations of so many examples need no padding in any layer; what is repeated is left out of the means.
    """
    missing = -examples.shape[1] % LINE
    return torch.cat([examples, examples[:, :1].expand(-1, missing)], 1)


def _on_a_line(matrices: Tensor) -> Tensor:
    return matrices.clone() if matrices.data_ptr() % (4 * LINE) else matrices
