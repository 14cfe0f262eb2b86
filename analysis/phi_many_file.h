/* phi_many_file.h - the HDF5 file of phi_many.h (internal). One process writes. */
#ifndef SHINKEI_PHI_MANY_FILE_H
#define SHINKEI_PHI_MANY_FILE_H

#include "phi_many.h"

enum { PHI_RESULT_FIELDS = 6, PHI_COVERAGE_FIELDS = 9 };
/* Numbers of one task: PHI_RESULT_FIELDS for each measure asked, in order, then the coverage.   */
#define PHI_RESULT_LENGTH (PHI_RESULT_FIELDS * PHI_ASKED + PHI_COVERAGE_FIELDS)

typedef struct phi_many_file phi_many_file;

/* Create, or open what is there with the same settings; done[groups * windows] takes what is
 * finished already. ERR_USER: there, but of other settings.                                    */
LOCAL err phi_many_file_open(const char *path, const phi_job *job, bool overwrite, uint8_t *done,
                             phi_many_file **made);
LOCAL err phi_many_file_put(phi_many_file *f, int64_t task, const double *result);
LOCAL err phi_many_file_close(phi_many_file *f);

#endif
