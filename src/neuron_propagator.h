/* neuron_propagator.h - exact integration of linear neurons (Rotter & Diesmann 1999). */
#ifndef SHINKEI_NEURON_PROPAGATOR_H
#define SHINKEI_NEURON_PROPAGATOR_H

#include <math.h>

/* Effect on V [mV] after h [ms] of a current with time constant tau_syn [ms] that is 1 pA now, on a
 * membrane of time constant tau [ms] and capacitance [pF]; the two exponentials merge where the
 * time constants do. */
static inline double neuron_propagator(double tau_syn, double tau, double capacitance, double h) {
  const double difference = 1 / tau - 1 / tau_syn;
  const double x = h * difference;
  const double ratio = fabs(x) < 1e-9 ? 1 + x / 2 : expm1(x) / x;
  return h / capacitance * exp(-h / tau) * ratio;
}

#endif
