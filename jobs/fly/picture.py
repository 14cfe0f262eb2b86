"""Picture of the experiment: raster of one trial's active neurons, rates of the read ones beside it."""
import matplotlib
matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

BARS_MOST = 20
INK, OTHERS, DRIVEN, READ = "#22262b", "#8a9099", "#1d4e89", "#d1495b"


def draw_raster(axis, time, node, duration, rates, driven, read):
    """Neurons that spiked in any trial, the fastest on top; the read ones are drawn last and larger."""
    mean = rates.mean(axis=0)
    active = np.flatnonzero(mean > 0)
    place = np.zeros(len(mean), int)
    place[active[np.argsort(mean[active], kind="stable")]] = np.arange(len(active))
    nodes = [node for _, node in read]
    for chosen, colour, size, label in (
            (~np.isin(node, driven) & ~np.isin(node, nodes), OTHERS, 1.0, "others"),
            (np.isin(node, driven) & ~np.isin(node, nodes), DRIVEN, 1.2, "driven"),
            (np.isin(node, nodes), READ, 3.0, "read")):
        axis.plot(time[chosen], place[node[chosen]], ".", color=colour, markersize=size, rasterized=True)
        axis.plot([], [], "o", color=colour, markersize=5, label=label)
    axis.set(xlabel="time (ms)", ylabel=f"{len(active)} active neurons, by rate", xlim=(0, duration),
             ylim=(-1, max(len(active), 1)))
    axis.legend(frameon=False, ncol=3, loc="lower left", bbox_to_anchor=(0, 1), fontsize=8)


def draw_rates(axis, rates, read, published):
    """Mean and standard deviation over the trials, and the same as published."""
    for at, (name, node) in enumerate(read):
        mean, deviation = rates[:, node].mean(), rates[:, node].std()
        axis.bar(at, mean, 0.6, yerr=deviation, color=READ, ecolor=INK)
        axis.annotate(f"{mean:.1f} ± {deviation:.1f}", (at, mean + deviation), xytext=(0, 3),
                      textcoords="offset points", ha="center", fontsize=8)
        if published:
            axis.errorbar(at + 0.4, published[0][node], published[1][node], fmt="_", color=INK, ms=9, capsize=2,
                          label="published" if at == 0 else None)
    axis.set(xticks=range(len(read)), ylabel="rate (spikes/s)")
    axis.set_xticklabels([name.replace("$", r"\$") for name, _ in read],
                         rotation=0 if len(read) < 4 else 60)
    if published:
        axis.legend(frameon=False, loc="lower right", bbox_to_anchor=(1, 1), fontsize=8)


def draw(path, spikes, duration, rates, driven, read, published):
    """`spikes` (time [ms], node) of one trial of `duration`, `rates` [trials][neurons], `read` [(name, node)]."""
    shown = read[:BARS_MOST]
    figure, axes = plt.subplots(1, 2 if shown else 1, figsize=(10, 5), squeeze=False, layout="constrained",
                                gridspec_kw={"width_ratios": [3, 1] if shown else [1]})
    for axis in axes[0]:
        axis.spines[["top", "right"]].set_visible(False)
    draw_raster(axes[0][0], *spikes, duration, rates, driven, read)
    if shown:
        draw_rates(axes[0][1], rates, shown, published)
    try:
        figure.savefig(path, dpi=150)
    except OSError as problem:
        raise SystemExit(f"{path}: cannot be written: {problem.strerror or problem}") from None
    plt.close(figure)
    if len(shown) < len(read):
        print(f"the picture has the rates of the first {BARS_MOST} of {len(read)} neurons")
    print(path)
