/* checkpoint_folder.h - names of the checkpoints in a folder of results. */
#ifndef SHINKEI_CHECKPOINT_FOLDER_H
#define SHINKEI_CHECKPOINT_FOLDER_H

#include "check.h"
#include <stdbool.h>

/* FOLDER/checkpoint-<step, 15 digits>.h5; `unfinished`: the name it has while being written. The
 * caller frees. */
LOCAL char *checkpoint_folder_name(const char *folder, int64_t step, bool unfinished);
/* Steps of the checkpoints in a folder, newest first; the caller frees. ERR_USER: no such folder.
 */
LOCAL err checkpoint_folder_list(const char *folder, int *count, int64_t **step);
/* Remove what killed runs left unfinished, and all but the newest `keep` of those up to a step. */
LOCAL void checkpoint_folder_prune(const char *folder, int64_t step, int keep);
/* Rename, and sync the folder. */
LOCAL err checkpoint_folder_publish(const char *folder, int64_t step);
LOCAL bool checkpoint_folder_is(const char *path);

#endif
