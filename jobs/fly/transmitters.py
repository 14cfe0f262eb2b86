"""The sign of a connection by its transmitter, as Shiu et al. 2024 have it: GABA and glutamate inhibit,
the others excite."""
import collections

import numpy as np

SIGNS = {"ACH": 1, "GABA": -1, "GLUT": -1, "DA": 1, "SER": 1, "OCT": 1}
FULL_NAMES = {"acetylcholine": "ACH", "glutamate": "GLUT", "dopamine": "DA", "serotonin": "SER", "5HT": "SER",
              "octopamine": "OCT"}
WORDS = ", ".join(" or ".join([short, *(name for name, of in FULL_NAMES.items() if of == short)])
                  for short in SIGNS) + ", in capitals or not"
UNKNOWN = {"excitatory": 1, "inhibitory": -1, "drop": 0}  # what --unknown makes of the others
SIGN_OF = {**{short.lower(): sign for short, sign in SIGNS.items()},
           **{name.lower(): SIGNS[short] for name, short in FULL_NAMES.items()}}


def read_signs(values, unknown):
    """(sign[n], {value: rows} of those that are no transmitter); their sign is that of `unknown`, one of
    UNKNOWN, 0 where they are dropped. Where it is None the first one is refused by ValueError(row, value)."""
    names = [value.strip() for value in values.tolist()]
    signs = np.array([SIGN_OF.get(name.lower(), 2) for name in names], np.int64)
    others = np.flatnonzero(signs == 2)
    if len(others) and unknown is None:
        raise ValueError(int(others[0]), names[others[0]])
    signs[others] = UNKNOWN.get(unknown, 0)
    return signs, collections.Counter(names[row] for row in others)


def describe(unknown, counts):
    """One line on what was done with them, for the report."""
    done = "were dropped" if unknown == "drop" else f"count as {unknown}"
    most = counts.most_common(8)
    values = [f"{rows} '{value}'" for value, rows in most]
    if len(counts) > len(most):
        values.append(f"{len(counts) - len(most)} more values")
    return f"{counts.total()} rows of unknown transmitter {done}" + (": " if values else "") + ", ".join(values)
