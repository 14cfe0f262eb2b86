/* model_tables.h - every key of the model file: one row a key, from which parsing, range errors,
 * the reference page and the writing of the effective model all come. Internal to the model.    */
#ifndef SHINKEI_MODEL_TABLES_H
#define SHINKEI_MODEL_TABLES_H

#include "model.h"

/* What a key takes, and the C type at its offset. */
typedef enum {
  KEY_REAL,         /* double: finite number                                                     */
  KEY_TIME,         /* double: number that is a multiple of dt                                   */
  KEY_SIZE,         /* uint32_t                                                                  */
  KEY_INTEGER,      /* int                                                                       */
  KEY_NUMBER,       /* uint64_t                                                                  */
  KEY_FLAG,         /* bool: choices[0] or choices[1]                                            */
  KEY_CHOICE,       /* enum: position in choices                                                 */
  KEY_TEXT,         /* char *                                                                    */
  KEY_PATH,         /* char *: joined with the folder of the model file                          */
  KEY_POPULATION,   /* int: index of a population; later rows of the section refer to it         */
  KEY_NODES,        /* model_nodes of that population                                            */
  KEY_RECEPTOR,     /* int: index into that population's neuron model                            */
  KEY_DISTRIBUTION, /* model_distribution                                                        */
  KEY_MODEL,        /* const neuron_model *                                                      */
  KEY_OTHER,        /* read and written by the section's own code; `takes` says what it takes    */
} model_key_type;

typedef struct {
  const char *key;
  model_key_type type;
  const char *unit;
  double minimum, maximum;
  bool minimum_excluded;
  bool required;
  const char *fallback;       /* default, as it would stand in the file; NULL: none              */
  const char *const *choices; /* KEY_CHOICE, KEY_FLAG; NULL-ended                                */
  const char *takes;          /* KEY_OTHER                                                       */
  unsigned only;              /* bit i: the key belongs to choice i of the section's selector;
                                 0: to all                                                       */
  unsigned attribute;         /* KEY_DISTRIBUTION: selector choices that allow {attribute: ...}  */
  size_t offset;
  const char *meaning;
} model_key;

typedef struct {
  const char *path; /* how messages and --set name it, e.g. "projections.0"             */
  const char *meaning;
  const char *selector; /* key whose choice decides which others belong; NULL: none         */
  const model_key *key; /* ended by a row whose key is NULL                                 */
} model_section;

extern const model_section model_section_root, model_section_simulation, model_section_checkpoint,
    model_section_neurons, model_section_population, model_section_override,
    model_section_projection, model_section_input, model_section_record,
    model_section_record_spikes, model_section_record_trace, model_section_normal,
    model_section_lognormal, model_section_uniform, model_section_attribute;

/* All sections in the order of the reference page, NULL-ended. */
extern const model_section *const model_sections[];

/* The row of a key, NULL where there is none. */
LOCAL const model_key *model_section_find(const model_section *s, const char *key);
/* Does the row belong to choice `selected` of the section's selector? */
static inline bool model_key_belongs(const model_key *k, int selected) {
  return !k->only || (k->only >> selected & 1);
}

#endif
