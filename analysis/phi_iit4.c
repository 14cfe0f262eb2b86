#include "phi_iit4.h"
#include "phi_progress.h"
#include "random.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void relate(const phi_iit4_distinctions *distinctions, phi_iit4_relations *relations) {
  phi_iit4_relatum *relata = check_allocate((size_t)distinctions->congruent_count, sizeof *relata);
  int count = 0;
  for (int k = 0; k < distinctions->count; k++) {
    const phi_iit4_distinction *d = &distinctions->distinction[k];
    if (d->congruent)
      relata[count++] = (phi_iit4_relatum){d->phi, d->cause.purview, d->cause.state,
                                           d->effect.purview, d->effect.state};
  }
  phi_iit4_relations_compute(count, relata, relations);
  free(relata);
}

void phi_iit4_structure_compute(const phi_candidate *candidate, phi_iit4_structure *structure) {
  const double system = phi_iit4_system_seconds(candidate->unit_count);
  const double first = system / (system + phi_iit4_structure_seconds(candidate->unit_count));
  phi_progress_enter(0, first);
  phi_iit4_system_compute(candidate, &structure->system);
  phi_progress_leave();
  phi_progress_enter(first, 1);
  phi_iit4_distinctions_compute(candidate, structure->system.cause_state,
                                structure->system.effect_state, &structure->distinctions);
  phi_progress_leave();
  relate(&structure->distinctions, &structure->relations);
  structure->big_phi = structure->distinctions.sum_phi + structure->relations.sum_phi;
}

void phi_iit4_structure_free(phi_iit4_structure *structure) {
  phi_iit4_system_free(&structure->system);
  phi_iit4_distinctions_free(&structure->distinctions);
  phi_iit4_relations_free(&structure->relations);
}

double phi_iit4_system_seconds(int unit_count) { return 0.08 * pow(4, unit_count - 10); }

double phi_iit4_structure_seconds(int unit_count) { return 0.7 * pow(6, unit_count - 8); }

/* A noisy system, units all connected to all. */
static void make_small_system(int unit_count, phi_network *network, phi_candidate *candidate) {
  const int states = 1 << unit_count;
  double *on = check_allocate((size_t)(states * unit_count), sizeof *on);
  uint8_t *state = check_allocate((size_t)unit_count, sizeof *state);
  for (int k = 0; k < states * unit_count; k++)
    on[k] = random_unit(random_draw(1, RANDOM_SAMPLE, 0, (uint32_t)k, 0).word[0]);
  if (phi_network_create(network, unit_count, on, NULL, state) ||
      phi_candidate_create(candidate, network, (uint32_t)states - 1, PHI_BACKGROUND_INFERRED))
    CHECK_ABORT("a system to be timed is refused: %s", check_message());
  free(state);
  free(on);
}

/* The quickest of a few times, as others may slow it. */
static double time_small_system(int unit_count) {
  enum { TIMES = 3 };
  phi_network network;
  phi_candidate candidate;
  double least = INFINITY;
  make_small_system(unit_count, &network, &candidate);
  for (int k = 0; k < TIMES; k++) {
    phi_iit4_system system;
    const double begun = phi_progress_processor_seconds();
    phi_iit4_system_compute(&candidate, &system);
    least = fmin(least, phi_progress_processor_seconds() - begun);
    phi_iit4_system_free(&system);
  }
  phi_candidate_free(&candidate);
  phi_network_free(&network);
  return least;
}

double phi_iit4_here(double seconds) {
  const double MATTERS = 0.05;
  const int UNITS = 7;
  return seconds < MATTERS ? seconds
                           : seconds * time_small_system(UNITS) / phi_iit4_system_seconds(UNITS);
}

static int compare_candidates(const void *a, const void *b) {
  const uint32_t x = ((const phi_iit4_candidate *)a)->nodes,
                 y = ((const phi_iit4_candidate *)b)->nodes;
  const int size = __builtin_popcount(x) - __builtin_popcount(y);
  const uint32_t differing = x ^ y;
  return size ? size : !differing ? 0 : x & differing & -differing ? -1 : 1;
}

static err evaluate_candidate(const phi_network *network, phi_iit4_candidate *candidate) {
  phi_candidate system;
  phi_iit4_system result;
  const err made =
      phi_candidate_create(&system, network, candidate->nodes, PHI_BACKGROUND_INFERRED);
  if (made != OK) return made;
  phi_iit4_system_compute(&system, &result);
  candidate->phi = result.phi;
  candidate->normalized_phi = result.normalized_phi;
  candidate->reason = result.reason;
  phi_iit4_system_free(&result);
  phi_candidate_free(&system);
  return OK;
}

static double structure_phi(const phi_network *network, uint32_t nodes) {
  phi_candidate system;
  phi_iit4_structure structure;
  if (phi_candidate_create(&system, network, nodes, PHI_BACKGROUND_INFERRED) != OK) return 0;
  phi_iit4_structure_compute(&system, &structure);
  const double phi = structure.big_phi;
  phi_iit4_structure_free(&structure);
  phi_candidate_free(&system);
  return phi;
}

/* Candidates of the same phi_s that overlap, directly or through one another, from `first` on. */
static uint32_t tied_clique(const phi_iit4_complexes *all, const bool *open, int first,
                            bool *member) {
  uint32_t covered = all->candidate[first].nodes, before = 0;
  memset(member, 0, (size_t)all->count * sizeof *member);
  while (covered != before) {
    before = covered;
    for (int k = 0; k < all->count; k++)
      if (open[k] && fabs(all->candidate[k].phi - all->candidate[first].phi) <= PHI_TIE &&
          all->candidate[k].nodes & covered) {
        member[k] = true;
        covered |= all->candidate[k].nodes;
      }
  }
  return covered;
}

/* The member with the largest structure Phi; -1 where that ties. */
static int decide_by_structure(const phi_network *network, const phi_iit4_complexes *all,
                               const bool *member) {
  double largest = -INFINITY;
  int best = -1;
  for (int k = 0; k < all->count; k++) {
    if (!member[k]) continue;
    const double phi = structure_phi(network, all->candidate[k].nodes);
    if (fabs(phi - largest) <= PHI_TIE * fmax(1, phi)) best = -1;
    if (phi > largest + PHI_TIE * fmax(1, phi)) largest = phi, best = k;
  }
  return best;
}

static void exclude(const phi_network *network, phi_iit4_complexes *all) {
  bool *open = check_allocate((size_t)all->count, sizeof *open);
  bool *member = check_allocate((size_t)all->count, sizeof *member);
  for (int k = 0; k < all->count; k++) open[k] = all->candidate[k].phi > PHI_TIE;
  for (;;) {
    int best = -1, members = 0;
    for (int k = 0; k < all->count; k++)
      if (open[k] && (best < 0 || all->candidate[k].phi > all->candidate[best].phi + PHI_TIE))
        best = k;
    if (best < 0) break;
    tied_clique(all, open, best, member);
    for (int k = 0; k < all->count; k++) members += member[k];
    if (members > 1) {
      all->tie_count += members;
      best = decide_by_structure(network, all, member);
    }
    for (int k = 0; k < all->count; k++) { /* losers are gone, and whatever overlaps a complex */
      if (best < 0 && member[k]) open[k] = false;
      if (best >= 0 && all->candidate[k].nodes & all->candidate[best].nodes) open[k] = false;
    }
    if (best >= 0) {
      all->candidate[best].complex = true;
      all->complexes[all->complex_count++] = all->candidate[best].nodes;
    }
  }
  free(open);
  free(member);
}

err phi_iit4_complexes_compute(const phi_network *network, phi_iit4_complexes *complexes) {
  memset(complexes, 0, sizeof *complexes);
  if (network->unit_count > PHI_UNIT_LIMIT)
    return check_fail(ERR_USER, "phi: complexes of a network of %d units; 1 to %d are allowed",
                      network->unit_count, PHI_UNIT_LIMIT);
  const uint32_t all = (1u << network->unit_count) - 1;
  complexes->count = (int)all;
  complexes->candidate = check_allocate(all, sizeof *complexes->candidate);
  complexes->complexes = check_allocate(all, sizeof *complexes->complexes);
  for (uint32_t nodes = 1; nodes <= all; nodes++) complexes->candidate[nodes - 1].nodes = nodes;
  qsort(complexes->candidate, all, sizeof *complexes->candidate, compare_candidates);
  err result = evaluate_candidate(network, &complexes->candidate[0]);
#pragma omp parallel for schedule(dynamic) if (all > 63)
  for (int k = 1; k < (int)all; k++) {
    phi_progress_at((double)k / all);
    phi_progress_enter((double)k / all, (k + 1.) / all);
    if (result == OK) (void)evaluate_candidate(network, &complexes->candidate[k]);
    phi_progress_leave();
  }
  if (result == OK)
    exclude(network, complexes);
  else
    phi_iit4_complexes_free(complexes);
  return result;
}

void phi_iit4_complexes_free(phi_iit4_complexes *complexes) {
  free(complexes->candidate);
  free(complexes->complexes);
  memset(complexes, 0, sizeof *complexes);
}
