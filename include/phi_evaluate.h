/* phi_evaluate.h - the measures that were asked for, of one system, with their details as JSON. */
#ifndef SHINKEI_PHI_EVALUATE_H
#define SHINKEI_PHI_EVALUATE_H

#include "phi_discrete.h"
#include "phi_search.h"
#include "phi_system.h"

#include <jansson.h>

/* The first PHI_MEASURES are those of phi_measure.h. */
typedef enum {
  PHI_ASK_DELAYED = PHI_MEASURES, /* I(X;Y) [nats]                                            */
  PHI_ASK_EFFECTIVE,              /* effective information [bits], uniform inputs              */
  PHI_ASK_EMERGENCE,              /* largest gain of effective information by coarse-graining */
  PHI_ASK_IIT3,                   /* Phi of IIT 3.0                                            */
  PHI_ASK_IIT4,                   /* phi_s of IIT 4.0 [ibits]                                  */
  PHI_ASK_STRUCTURE,              /* Phi of the structure, IIT 4.0 [ibits]                     */
  PHI_ASKED
} phi_asked;

LOCAL const char *phi_asked_name(phi_asked a);
LOCAL const char *phi_asked_unit(phi_asked a);
/* Which of them, as bits, of text like "iit4,SI,G"; an unknown name is ERR_USER.               */
LOCAL err phi_asked_of(const char *text, uint32_t *asked);

typedef enum {
  PHI_SEARCH_AUTO, /* exhaustive up to 12 elements; beyond, Queyranne, or exchange if normalised */
  PHI_SEARCH_EXHAUSTIVE,
  PHI_SEARCH_QUEYRANNE,
  PHI_SEARCH_EXCHANGE
} phi_search_method;
LOCAL err phi_search_method_of(const char *name, phi_search_method *method);

typedef struct {
  uint32_t asked;  /* bits of phi_asked */
  bool normalised; /* minimise value / K */
  bool complexes;  /* all complexes as well, in the details */
  phi_search_method search;
  const int *part;      /* [n] this partition instead of a search; NULL: search; borrowed */
  int replicas, sweeps; /* of exchange */
  uint64_t seed;
} phi_request;

/* Where the values come from; NULL where a source does not exist. All borrowed. Practical measures
 * use `gaussian` where it is there, else `joint`; effective information `uniform`; IIT `network`.
 */
typedef struct {
  const phi_covariances *gaussian;
  const phi_joint *joint, *uniform;
  const phi_network *network;
} phi_sources;

/* value[PHI_ASKED]: NaN where not asked. details NULL, or an object that gets one member for every
 * measure. ERR_USER as the modules of the measures say; a measure whose source is missing is one.
 */
LOCAL err phi_evaluate(const phi_request *r, const phi_sources *s, double *value, json_t *details);

/* Seconds that phi_evaluate will take on one core, within a factor of two or so: searches by
 * evaluating some of their partitions, IIT 3.0 of 5 to 8 units by two of its cuts, the rest by
 * tables of measured times. Takes a hundredth of the whole, or some tens of milliseconds. A search
 * that ends early (a cut that makes no difference) takes less than predicted. A source that is
 * missing counts nothing. */
LOCAL double phi_evaluate_predict(const phi_request *r, const phi_sources *s);

/* The chosen definitions in words, one a line, for help and output. */
LOCAL const char *phi_evaluate_definitions(void);

#endif
