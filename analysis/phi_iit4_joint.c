#include "phi_iit4_joint.h"

#include <math.h>
#include <string.h>

static int popcount(uint32_t set) { return __builtin_popcount(set); }

double phi_iit4_joint_loss(const phi_iit4_joint *in, const phi_iit4_choice *picked) {
  double sum = 0;
  for (int j = 0; j < in->chooser_count; j++)
    sum += in->loss[picked->kept[j] * in->chooser_count + j];
  return sum;
}

int phi_iit4_joint_connections(const phi_iit4_joint *in, const phi_iit4_choice *picked) {
  int count = in->chooser_count * in->domain_count;
  for (int j = 0; j < in->chooser_count; j++) count -= popcount(picked->kept[j]);
  return count;
}

/* An undivided mechanism keeping any of its purview is no partition. */
static bool is_undivided(const phi_iit4_joint *in, const phi_iit4_choice *picked) {
  if (!picked->kept[0]) return false;
  if (!in->cause && picked->kept[0] != in->whole) return false;
  for (int j = 1; j < in->chooser_count; j++)
    if (picked->kept[j] != picked->kept[0]) return false;
  return true;
}

static void weigh(phi_iit4_joint *in, double fraction) {
  const int c = in->chooser_count;
  in->fraction = fraction;
  for (uint32_t set = 0; set <= in->whole; set++) {
    double *weight = in->weight + set * c, *least = in->least + set * c;
    for (int j = 0; j < c; j++)
      least[j] = weight[j] = in->loss[set * c + j] + fraction * popcount(set);
    for (uint32_t rest = set; rest; rest &= rest - 1) {
      const double *smaller = in->least + (set ^ (rest & -rest)) * c;
      for (int j = 0; j < c; j++) least[j] = fmin(least[j], smaller[j]);
    }
  }
}

static void keep_tie(phi_iit4_joint *in, const phi_iit4_choice *picked) {
  if (is_undivided(in, picked) || in->tie_count == PHI_IIT4_TIED_PARTITIONS) return;
  for (int k = 0; k < in->tie_count; k++)
    if (!memcmp(in->ties[k].kept, picked->kept, sizeof(uint16_t) * (size_t)in->chooser_count))
      return;
  in->ties[in->tie_count++] = *picked;
}

/* All choices of chooser j and the later ones that stay within the cutoff. */
static void list_choices(phi_iit4_joint *in, phi_iit4_choice *picked, int j, double sum,
                         const double *least_after) {
  if (in->tie_count == PHI_IIT4_TIED_PARTITIONS) return;
  if (j == in->chooser_count) {
    keep_tie(in, picked);
    return;
  }
  for (int block = -1; block < in->block_count; block++) {
    const uint32_t kept = block < 0 ? 0 : in->blocks[block];
    const double next = sum + in->weight[kept * in->chooser_count + j];
    if (next + least_after[j + 1] > PHI_TIE) continue;
    picked->kept[j] = (uint16_t)kept;
    list_choices(in, picked, j + 1, next, least_after);
  }
}

/* Best choice within the present blocks, of equal ones the one that cuts most; its sum. */
static double choose(const phi_iit4_joint *in, phi_iit4_choice *picked, double *least_of) {
  const int c = in->chooser_count;
  double sum = -in->fraction * c * in->domain_count;
  for (int j = 0; j < c; j++) {
    double least = in->weight[j];
    picked->kept[j] = 0;
    for (int block = 0; block < in->block_count; block++) {
      const double more = in->weight[in->blocks[block] * c + j] - least;
      const bool cuts_more = popcount(in->blocks[block]) < popcount(picked->kept[j]);
      if (more > (cuts_more ? PHI_TIE / 100 : -PHI_TIE / 100)) continue;
      least += more;
      picked->kept[j] = (uint16_t)in->blocks[block];
    }
    least_of[j] = least;
    sum += least;
  }
  return sum;
}

/* Let the chooser that loses least by it pick something else; a chooser that is alone, nothing. */
static double divide(const phi_iit4_joint *in, phi_iit4_choice *picked, const double *least_of,
                     double sum) {
  const int c = in->chooser_count;
  double least = INFINITY;
  int who = 0;
  uint32_t what = 0;
  for (int j = 0; j < c; j++)
    for (int block = -1; block < in->block_count; block++) {
      const uint32_t kept = block < 0 ? 0 : in->blocks[block];
      if (kept == picked->kept[j] || (kept && c == 1)) continue;
      const double more = in->weight[kept * c + j] - least_of[j];
      if (more < least) least = more, who = j, what = kept;
    }
  picked->kept[who] = (uint16_t)what;
  return sum + least;
}

static void visit_partition(phi_iit4_joint *in) {
  double least_of[PHI_UNIT_LIMIT], least_after[PHI_UNIT_LIMIT + 1];
  phi_iit4_choice picked = {{0}};
  double sum = choose(in, &picked, least_of);
  if (is_undivided(in, &picked)) sum = divide(in, &picked, least_of, sum);
  if (sum < in->best && sum < -PHI_TIE) {
    in->best = in->cutoff = sum;
    in->better = picked;
  } else if (in->best >= -PHI_TIE && sum <= PHI_TIE) {
    if (phi_iit4_joint_connections(in, &picked) > phi_iit4_joint_connections(in, &in->widest))
      in->widest = picked;
    least_after[in->chooser_count] = 0;
    for (int j = in->chooser_count; j-- > 0;) least_after[j] = least_after[j + 1] + least_of[j];
    list_choices(in, &picked, 0, -in->fraction * in->chooser_count * in->domain_count, least_after);
  }
}

/* Add blocks until the domain is used up. Blocks that nobody picks may be one: no more blocks than
 * choosers and one. */
static void add_blocks(phi_iit4_joint *in, uint32_t rest, const double *least_so_far) {
  const int c = in->chooser_count;
  if (!rest) {
    visit_partition(in);
    return;
  }
  double least[PHI_UNIT_LIMIT];
  const uint32_t low = rest & -rest, others = rest ^ low;
  for (uint32_t later = others;; later = (later - 1) & others) {
    const uint32_t block = rest ^ later;
    if ((in->cause || block != in->whole) && (in->block_count < c || !later)) {
      const double *weight = in->weight + block * c, *possible = in->least + later * c;
      double bound = -in->fraction * c * in->domain_count;
      for (int j = 0; j < c; j++) {
        least[j] = fmin(least_so_far[j], weight[j]);
        bound += fmin(least[j], possible[j]);
      }
      if (bound <= in->cutoff) {
        in->blocks[in->block_count++] = block;
        add_blocks(in, later, least);
        in->block_count--;
      }
    }
    if (!later) break;
  }
}

/* One pass at the present fraction: a better choice, or the ties if there is none. */
static bool improve(phi_iit4_joint *in) {
  in->best = in->cutoff = PHI_TIE;
  in->tie_count = 0;
  in->block_count = 0;
  if (in->chooser_count > 0 && (in->domain_count > 1 || in->cause))
    add_blocks(in, in->whole, in->weight);
  else
    visit_partition(in); /* one unit of mechanism: only the complete cut */
  return in->best < -PHI_TIE;
}

double phi_iit4_joint_minimise(phi_iit4_joint *in, phi_iit4_choice *picked) {
  memset(picked, 0, sizeof *picked); /* the complete cut */
  for (;;) {
    const double loss = phi_iit4_joint_loss(in, picked);
    const int connections = phi_iit4_joint_connections(in, picked);
    if (in->selectivity * loss <= PHI_TIE) {
      in->tie_count = 1;
      return 0;
    }
    /* phi of the minimum partition is at most its fraction x all connections */
    const double bound =
        in->selectivity * loss / connections * in->chooser_count * in->domain_count;
    if (bound < in->worth - PHI_TIE) return bound;
    weigh(in, loss / connections);
    in->widest = *picked;
    if (!improve(in)) break;
    if (phi_iit4_joint_loss(in, &in->better) / phi_iit4_joint_connections(in, &in->better) >=
        in->fraction)
      break; /* rounding: nothing is gained any more */
    *picked = in->better;
  }
  *picked = in->widest;
  if (!in->tie_count) in->tie_count = 1;
  return in->selectivity * phi_iit4_joint_loss(in, picked);
}
