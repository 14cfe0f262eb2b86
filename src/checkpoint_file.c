#include "checkpoint_file.h"
#include "agree.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

err checkpoint_file_unreadable(const checkpoint_file *f, const char *what) {
  return check_fail(ERR_USER, "%s: cannot read %s: %s", f->path, what, hdf5_file_cause());
}

/* ---- the file ---- */

#define WHAT "a checkpoint"

static checkpoint_file *file_new(MPI_Comm comm, const char *path) {
  H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
  checkpoint_file *f = check_allocate(1, sizeof *f);
  AGREE_MPI(MPI_Comm_dup(comm, &f->comm));
  MPI_Comm_rank(comm, &f->rank);
  MPI_Comm_size(comm, &f->parts);
  f->takes_part = true;
  f->path = strcpy(check_allocate(strlen(path) + 1, 1), path);
  f->file = f->descriptor = -1;
  f->collective = H5Pcreate(H5P_DATASET_XFER);
  H5Pset_dxpl_mpio(f->collective, H5FD_MPIO_COLLECTIVE);
  f->independent = H5Pcreate(H5P_DATASET_XFER); /* each rank for itself */
  return f;
}

static void file_free(checkpoint_file *f) {
  if (f->descriptor >= 0) close(f->descriptor);
  H5Pclose(f->collective);
  H5Pclose(f->independent);
  MPI_Comm_free(&f->comm);
  free(f->path);
  free(f);
}

static hid_t access_properties(MPI_Comm comm) {
  hid_t access = H5Pcreate(H5P_FILE_ACCESS);
  /* Ranks write large whole pieces of their own: nothing to gather or to sieve. */
  MPI_Info hints;
  AGREE_MPI(MPI_Info_create(&hints));
  MPI_Info_set(hints, "romio_cb_write", "disable");
  MPI_Info_set(hints, "romio_ds_write", "disable");
  H5Pset_fapl_mpio(access, comm, hints);
  MPI_Info_free(&hints);
  H5Pset_all_coll_metadata_ops(access, true);
  H5Pset_coll_metadata_write(access, true);
  H5Pset_fclose_degree(access, H5F_CLOSE_STRONG);
  return access;
}

static hid_t create_hdf5(checkpoint_file *f) {
  hid_t properties = access_properties(f->parts == 1 ? MPI_COMM_SELF : f->comm);
  hid_t creation = H5Pcreate(H5P_FILE_CREATE);
  H5Pset_userblock(creation, CHECKPOINT_SEAL_BYTES);
  const hid_t file = H5Fcreate(f->path, H5F_ACC_TRUNC, creation, properties);
  if (file < 0)
    check_fail(ERR_ENVIRONMENT, "%s: cannot be created: %s", f->path, hdf5_file_cause());
  H5Pclose(properties);
  H5Pclose(creation);
  return file;
}

err checkpoint_file_create(MPI_Comm comm, const char *path, uint64_t bytes, bool spread,
                           checkpoint_seal_blocks *known, checkpoint_file **made) {
  checkpoint_file *f = file_new(comm, path);
  if (!spread) f->parts = 1;
  f->takes_part = f->rank < f->parts;
  f->known = known;
  err e = agree(f->comm, f->rank == 0 ? hdf5_file_prepare(path, WHAT, 0) : OK);
  if (e == OK) {
    if (f->takes_part) f->file = create_hdf5(f);
    if (f->takes_part && f->file < 0) e = ERR_ENVIRONMENT;
    if (e == OK && f->rank == 0) e = hdf5_file_claim(path, WHAT, bytes);
    e = agree(f->comm, e);
  }
  *made = e == OK ? f : NULL;
  if (e == OK && f->takes_part) f->descriptor = open(path, O_WRONLY | O_CLOEXEC);
  if (e == OK) return e;
  if (f->file >= 0) H5Fclose(f->file);
  if (f->rank == 0) unlink(path);
  file_free(f);
  return e;
}

err checkpoint_file_open(MPI_Comm comm, const char *path, checkpoint_file **opened) {
  checkpoint_file *f = file_new(comm, path);
  hid_t properties = access_properties(f->comm);
  f->file = H5Fopen(path, H5F_ACC_RDONLY, properties);
  H5Pclose(properties);
  const err e = agree(f->comm, f->file < 0 ? checkpoint_file_unreadable(f, "the file") : OK);
  *opened = e == OK ? f : NULL;
  if (e != OK) file_free(f);
  return e;
}

void checkpoint_file_close(checkpoint_file *f) {
  if (f->takes_part) CHECKPOINT_WRITE(f, H5Fclose(f->file), "the last of the file");
  file_free(f);
}

const char *checkpoint_file_path(const checkpoint_file *f) { return f->path; }

MPI_Comm checkpoint_file_comm(const checkpoint_file *f) { return f->comm; }

int checkpoint_file_parts(const checkpoint_file *f) { return f->parts; }

void checkpoint_file_group(checkpoint_file *f, const char *path) {
  if (!f->takes_part) return;
  hid_t creation = H5Pcreate(H5P_GROUP_CREATE);
  H5Pset_obj_track_times(creation, false); /* the same bytes at any time */
  hid_t group = H5Gcreate2(f->file, path, H5P_DEFAULT, creation, H5P_DEFAULT);
  CHECKPOINT_WRITE(f, group, path);
  H5Gclose(group);
  H5Pclose(creation);
}

/* ---- attributes ---- */

/* Takes over `type`. */
static void put_attribute(checkpoint_file *f, hid_t object, const char *name, hid_t type,
                          const void *value) {
  hid_t space = H5Screate(H5S_SCALAR);
  hid_t made = H5Acreate2(object, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
  CHECKPOINT_WRITE(f, made, name);
  CHECKPOINT_WRITE(f, H5Awrite(made, type, value), name);
  H5Aclose(made);
  H5Sclose(space);
  H5Tclose(type);
}

void checkpoint_file_attach_text(checkpoint_file *f, hid_t object, const char *name,
                                 const char *text) {
  hid_t type = H5Tcopy(H5T_C_S1);
  H5Tset_size(type, strlen(text) + 1);
  H5Tset_cset(type, H5T_CSET_UTF8);
  put_attribute(f, object, name, type, text);
}

void checkpoint_file_put_text(checkpoint_file *f, const char *name, const char *text) {
  if (f->takes_part) checkpoint_file_attach_text(f, f->file, name, text);
}

void checkpoint_file_put_integer(checkpoint_file *f, const char *name, uint64_t value) {
  if (f->takes_part) put_attribute(f, f->file, name, H5Tcopy(H5T_NATIVE_UINT64), &value);
}

void checkpoint_file_put_real(checkpoint_file *f, const char *name, double value) {
  if (f->takes_part) put_attribute(f, f->file, name, H5Tcopy(H5T_NATIVE_DOUBLE), &value);
}

static err bad_attribute(const checkpoint_file *f, const char *name, const char *expected) {
  return check_fail(ERR_USER, "%s: cannot read %s: it holds %s, not 1 %s", f->path, name,
                    hdf5_file_attribute_kind(f->file, name), expected);
}

static err get_number(checkpoint_file *f, const char *name, hid_t type, const char *kind,
                      void *value) {
  return agree(f->comm,
               hdf5_file_number(f->file, name, type, value) ? OK : bad_attribute(f, name, kind));
}

err checkpoint_file_get_integer(checkpoint_file *f, const char *name, uint64_t *value) {
  return get_number(f, name, H5T_NATIVE_UINT64, "integer", value);
}

err checkpoint_file_get_real(checkpoint_file *f, const char *name, double *value) {
  return get_number(f, name, H5T_NATIVE_DOUBLE, "floating-point number", value);
}

err checkpoint_file_get_text(checkpoint_file *f, const char *name, char *text, size_t size) {
  char *found = hdf5_file_text(f->file, name);
  err e = OK;
  if (!found || strlen(found) >= size)
    e = bad_attribute(f, name, "string");
  else
    strcpy(text, found);
  free(found);
  return agree(f->comm, e);
}

/* ---- what is there ---- */

typedef struct {
  int count;
  size_t capacity;
  char **path;
} path_list;

static herr_t list_object(hid_t file, const char *name, const H5O_info_t *info, void *to) {
  (void)file;
  path_list *list = to;
  const size_t length = strlen(name);
  if (info->type != H5O_TYPE_DATASET) return 0;
  if (length > 5 && strcmp(name + length - 5, ".xxh3") == 0) return 0;
  list->path = check_grow(list->path, &list->capacity, (size_t)list->count + 1, sizeof *list->path);
  list->path[list->count++] = strcpy(check_allocate(length + 1, 1), name);
  return 0;
}

err checkpoint_file_list(checkpoint_file *f, int *count, char ***path) {
  path_list list = {0};
  err e = OK;
  if (H5Ovisit2(f->file, H5_INDEX_NAME, H5_ITER_INC, list_object, &list, H5O_INFO_BASIC) < 0)
    e = checkpoint_file_unreadable(f, "its contents");
  *count = list.count;
  *path = list.path;
  return e;
}
