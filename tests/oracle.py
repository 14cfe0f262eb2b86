"""A second simulator, for comparison only: dense matrices, double precision, no trick.

Written from the equations of the neuron models and the rules of the step, independently of the
program's own code. Every pair of neurons has an entry in a matrix for each (delay, receptor).

A step k = 1, 2, ... ends at k dt. In it every neuron is advanced, then receives what arrives in
step k (spikes of step k - delay, events of time k dt), then those that fired are reset. Events of
step 0 are there when step 1 begins.
"""
import numpy as np


def matrix_exponential(a):
    """Scaling and squaring with a Taylor series."""
    squarings = max(0, int(np.ceil(np.log2(max(np.abs(a).sum(axis=1).max(), 1e-300)))) + 6)
    small, term, total = a / 2.0**squarings, np.eye(len(a)), np.eye(len(a))
    for n in range(1, 14):
        term = term @ small / n
        total = total + term
    for _ in range(squarings):
        total = total @ total
    return total


class IafPscExp:
    """C dV/dt = -C (V - E_L)/tau_m + I_ex + I_in + I_e;  dI_x/dt = -I_x/tau_syn_x.

    Fires where V >= V_th, outside its refractory time; V is then V_reset for t_ref. Currents go on
    all the time."""
    receptors = ("excitatory", "inhibitory")

    def __init__(self, parameters, initial, dt):
        p = parameters
        # State (V - E_L, I_ex, I_in, 1).
        system = np.array([
            [-1 / p["tau_m"], 1 / p["C_m"], 1 / p["C_m"], p["I_e"] / p["C_m"]],
            [0, -1 / p["tau_syn_ex"], 0, 0],
            [0, 0, -1 / p["tau_syn_in"], 0],
            [0, 0, 0, 0]])
        self.step_matrix = matrix_exponential(system * dt)
        self.p, self.held_steps = p, int(round(p["t_ref"] / dt))
        self.state = np.array([initial.get("V_m", -70.0) - p["E_L"], 0.0, 0.0, 1.0])
        self.held = 0

    def receive(self, arriving):
        self.state[1] += arriving[0]
        self.state[2] += arriving[1]

    def step(self, arriving):
        potential = self.state[0]
        moved = self.step_matrix @ self.state
        if self.held > 0:
            moved[0] = potential
            self.held -= 1
            fires = False
        else:
            fires = moved[0] >= self.p["V_th"] - self.p["E_L"]
        self.state = moved
        self.receive(arriving)
        if fires:
            self.state[0] = self.p["V_reset"] - self.p["E_L"]
            self.held = self.held_steps
        return fires


class IafPscExpShared(IafPscExp):
    """The same with one time constant and one current for all synapses."""
    receptors = ("synaptic",)

    def __init__(self, parameters, initial, dt):
        own = {"tau_syn_ex": parameters["tau_syn"], "tau_syn_in": parameters["tau_syn"]}
        super().__init__({**parameters, **own}, initial, dt)

    def receive(self, arriving):
        self.state[1] += arriving[0]


class ShiuLif:
    """dv/dt = (V_rest - v + g)/tau_m;  dg/dt = -g/tau_syn. Fires where v > V_th.

    For t_ref after a spike v and g stand still and what arrives is lost, as it is in the step of
    the spike itself; g is then 0."""
    receptors = ("g", "v")

    def __init__(self, parameters, initial, dt):
        p = parameters
        system = np.array([[-1 / p["tau_m"], 1 / p["tau_m"]], [0, -1 / p["tau_syn"]]])
        self.step_matrix = matrix_exponential(system * dt)
        self.p, self.held_steps = p, int(round(p["t_ref"] / dt))
        self.state = np.array([initial.get("v", -52.0) - p["V_rest"], 0.0])  # (v - V_rest, g)
        self.since_spike = None

    def receive(self, arriving):
        self.state = self.state + np.array([arriving[1], arriving[0]])

    def step(self, arriving):
        if self.since_spike is not None:
            self.since_spike += 1
            if self.since_spike < self.held_steps:
                return False
        self.state = self.step_matrix @ self.state
        if self.state[0] > self.p["V_th"] - self.p["V_rest"]:
            self.state = np.array([self.p["V_reset"] - self.p["V_rest"], 0.0])
            self.since_spike = 0
            return True
        self.receive(arriving)
        return False


MODELS = {"iaf_psc_exp": IafPscExp, "iaf_psc_exp_shared": IafPscExpShared,
          "shiu_lif": ShiuLif}


class Network:
    """Neurons are numbered in the order in which they are added."""

    def __init__(self, dt):
        self.dt, self.neurons = dt, []
        self.edges, self.events = [], []

    def add(self, model, parameters, initial):
        self.neurons.append(MODELS[model](parameters, initial, self.dt))
        return len(self.neurons) - 1

    def connect(self, source, target, weight, delay, receptor):
        """delay [dt] >= 1; several synapses of a pair add up."""
        self.edges.append((delay, receptor, source, target, weight))

    def stimulate(self, neuron, step, weight, receptor):
        self.events.append((step, receptor, neuron, weight))

    def matrices(self):
        """{(delay, receptor): W[target, source]}."""
        count, dense = len(self.neurons), {}
        for delay, receptor, source, target, weight in self.edges:
            matrix = dense.setdefault((delay, receptor), np.zeros((count, count)))
            matrix[target, source] += weight
        return dense

    def event_table(self, steps):
        table = np.zeros((steps + 1, 2, len(self.neurons)))
        for step, receptor, neuron, weight in self.events:
            if step <= steps:
                table[step, receptor, neuron] += weight
        return table

    def run(self, steps):
        """(step[n], neuron[n]) of all spikes, sorted by step, then neuron."""
        count, dense, table = len(self.neurons), self.matrices(), self.event_table(steps)
        fired = np.zeros((steps + 1, count))
        for i, neuron in enumerate(self.neurons):
            neuron.receive(table[0, :, i])
        for k in range(1, steps + 1):
            arriving = table[k]
            for (delay, receptor), matrix in dense.items():
                if k > delay:
                    arriving[receptor] += matrix @ fired[k - delay]
            for i, neuron in enumerate(self.neurons):
                fired[k, i] = neuron.step(arriving[:, i])
        return np.nonzero(fired)
