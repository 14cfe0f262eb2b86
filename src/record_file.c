/* Choices, and why:
 * - Format of HDF5 1.8 and before (no libver bounds): its superblock has no mark "open for
 *   writing", so a file that a killed run leaves is readable at once.
 * - Chunk index nodes of 1024 entries (istore_k): an append changes one node in place, and only
 *   every 16 million values (1024 chunks x 16384) is one split, so that a kill between two of
 *   HDF5's own writes leaves at worst a longer or shorter dataset, never a broken index. Files of
 *   many series, which would be large before anything is in them, have both smaller. The root
 *   of an index is made with the dataset, not with its first value, so that no header has to
 *   learn of it later.
 * - Space is claimed with fallocate before HDF5 changes anything: a full disk is an error that all
 *   ranks can return from. What fails in HDF5 itself later on (a broken disk) ends the job: it
 *   cannot be brought to forget what it did not write, and some ranks may wait in it for ever. The
 *   file is then as at its last flush. */
#define _GNU_SOURCE /* fallocate */
#include "record_file_internal.h"

#include "agree.h"
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
  CHUNK_ELEMENTS = 16384,
  CHUNK_ELEMENTS_MIN = 1024,
  INDEX_K = 512, /* half the entries of an index node */
  INDEX_K_MIN = 128,
  SERIES_FEW = 64
};

err record_file_failure(const record_file *f, const char *what, const char *object) {
  return check_fail(ERR_ENVIRONMENT, "%s: cannot %s %s: %s", f->path, what, object,
                    hdf5_file_cause());
}

/* Where the file system cannot promise room (NFS), write what fills it. */
static int write_zeros(int descriptor, off_t at, uint64_t bytes) {
  static const char zeros[1 << 16];
  while (bytes > 0) {
    ssize_t written = pwrite(descriptor, zeros, bytes < sizeof zeros ? bytes : sizeof zeros, at);
    if (written < 0 && errno != EINTR) return -1;
    if (written < 0) continue;
    at += written;
    bytes -= (uint64_t)written;
  }
  return fsync(descriptor);
}

/* The file grows by zeros, so that what MPI-IO finds between pieces that it writes together is the
 * same in every run. HDF5 cuts the file to what it needs at the next flush. */
err record_file_claim(record_file *f, uint64_t bytes) {
  err e = OK;
  struct stat now;
  if (f->descriptor >= 0 && bytes > 0) {
    if (fstat(f->descriptor, &now)) now.st_size = 0;
    int status;
    do status = fallocate(f->descriptor, 0, now.st_size, (off_t)bytes);
    while (status && errno == EINTR);
    if (status && (errno == EOPNOTSUPP || errno == ENOSYS))
      status = write_zeros(f->descriptor, now.st_size, bytes);
    if (status)
      e = check_fail(ERR_ENVIRONMENT, "%s: no room for %llu more bytes: %s", f->path,
                     (unsigned long long)bytes, strerror(errno));
  }
  return agree(f->comm, e);
}

static hid_t access_properties(MPI_Comm comm) {
  hid_t access = H5Pcreate(H5P_FILE_ACCESS);
  H5Pset_fapl_mpio(access, comm, MPI_INFO_NULL);
  H5Pset_all_coll_metadata_ops(access, true);
  H5Pset_coll_metadata_write(access, true);
  return access;
}

static record_file *file_new(MPI_Comm comm, const char *path) {
  H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
  signal(SIGXFSZ, SIG_IGN); /* a limit of file sizes is an error like a full disk */
  record_file *f = check_allocate(1, sizeof *f);
  AGREE_MPI(MPI_Comm_dup(comm, &f->comm));
  MPI_Comm_rank(comm, &f->rank);
  f->path = check_allocate(strlen(path) + 1, 1);
  strcpy(f->path, path);
  f->file = f->descriptor = -1;
  f->collective = H5Pcreate(H5P_DATASET_XFER);
  H5Pset_dxpl_mpio(f->collective, H5FD_MPIO_COLLECTIVE);
  return f;
}

static void file_free(record_file *f) {
  if (f->descriptor >= 0) close(f->descriptor);
  H5Pclose(f->collective);
  MPI_Comm_free(&f->comm);
  free(f->series);
  free(f->path);
  free(f);
}

/* Give *made, or free what stands. */
static err file_ready(record_file *f, err e, record_file **made) {
  if (e == OK && f->rank == 0) {
    f->descriptor = open(f->path, O_WRONLY | O_CLOEXEC);
    if (f->descriptor < 0)
      e = check_fail(ERR_ENVIRONMENT, "%s: cannot be opened: %s", f->path, strerror(errno));
  }
  e = agree(f->comm, e);
  *made = e == OK ? f : NULL;
  if (e != OK) {
    if (f->file >= 0) H5Fclose(f->file);
    file_free(f);
  }
  return e;
}

/* `most` for few series, less for more, but not below `fewest`. */
static uint64_t shared_out(uint64_t most, uint64_t fewest, uint64_t all_series) {
  while (all_series > SERIES_FEW && most > fewest) most /= 2, all_series = (all_series + 1) / 2;
  return most;
}

err record_file_create(MPI_Comm comm, const char *path, uint64_t all_series, record_file **made) {
  record_file *f = file_new(comm, path);
  f->index_k = (unsigned)shared_out(INDEX_K, INDEX_K_MIN, all_series);
  f->chunk_elements = shared_out(CHUNK_ELEMENTS, CHUNK_ELEMENTS_MIN, all_series);
  err e = OK;
  if (f->rank == 0) {
    /* A descriptor of our own first: its message is clearer than HDF5's. */
    int new = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (new < 0)
      e = check_fail(ERR_ENVIRONMENT, "%s: cannot be created: %s", path, strerror(errno));
    else
      close(new);
  }
  e = agree(f->comm, e);
  if (e == OK) {
    hid_t properties = access_properties(f->comm), creation = H5Pcreate(H5P_FILE_CREATE);
    H5Pset_istore_k(creation, f->index_k);
    f->file = H5Fcreate(path, H5F_ACC_TRUNC, creation, properties);
    if (f->file < 0) e = record_file_failure(f, "create", "the file");
    H5Pclose(properties);
    H5Pclose(creation);
  }
  return file_ready(f, e, made);
}

#define DAMAGED "the file (damaged, or not HDF5)"

/* A killed run may have written behind the end that it had noted: all that is there is in use. */
static err note_end(const record_file *f) {
  hid_t properties = H5Pcreate(H5P_FILE_ACCESS);
  H5Pset_file_locking(properties, false, true); /* parallel HDF5 takes no locks either */
  hid_t file = H5Fopen(f->path, H5F_ACC_RDWR, properties);
  err e = OK;
  if (file < 0 || H5Fincrement_filesize(file, 0) < 0) e = record_file_failure(f, "open", DAMAGED);
  if (file >= 0 && H5Fclose(file) < 0 && e == OK) e = record_file_failure(f, "open", DAMAGED);
  H5Pclose(properties);
  return e;
}

err record_file_open(MPI_Comm comm, const char *path, record_file **made) {
  record_file *f = file_new(comm, path);
  err e = OK;
  if (f->rank == 0 && access(path, W_OK))
    e = check_fail(ERR_ENVIRONMENT, "%s: cannot be continued: %s", path, strerror(errno));
  if (f->rank == 0 && e == OK) e = note_end(f);
  e = agree(f->comm, e);
  if (e == OK) {
    hid_t properties = access_properties(f->comm);
    f->file = H5Fopen(path, H5F_ACC_RDWR, properties);
    if (f->file < 0) e = record_file_failure(f, "open", DAMAGED);
    H5Pclose(properties);
  }
  if (e == OK) {
    hid_t creation = H5Fget_create_plist(f->file);
    H5Pget_istore_k(creation, &f->index_k);
    H5Pclose(creation);
    f->chunk_elements = CHUNK_ELEMENTS / INDEX_K * f->index_k;
  }
  return file_ready(f, e, made);
}

void record_file_close(record_file *f) {
  for (size_t i = 0; i < f->count; i++) H5Dclose(f->series[i].set);
  RECORD_WRITE(H5Fclose(f->file), "the last of the file");
  file_free(f);
}

bool record_file_has(record_file *f, const char *path) {
  char *part = check_allocate(strlen(path) + 1, 1);
  bool has = true;
  for (size_t end = 1; has && end <= strlen(path); end++) {
    if (path[end] != '/' && path[end] != 0) continue;
    memcpy(part, path, end);
    part[end] = 0;
    has = H5Lexists(f->file, part, H5P_DEFAULT) > 0;
  }
  free(part);
  return has;
}

uint64_t record_file_members(record_file *f, const char *group) {
  H5G_info_t info;
  return H5Gget_info_by_name(f->file, group, &info, H5P_DEFAULT) < 0 ? 0 : info.nlinks;
}

err record_file_group(record_file *f, const char *path) {
  err e = record_file_claim(f, RECORD_OBJECT_BYTES);
  if (e != OK) return e;
  hid_t group = H5Gcreate2(f->file, path, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  RECORD_WRITE(group, path);
  H5Gclose(group);
  return OK;
}

/* Takes over `type` and `space`. */
static void attribute(record_file *f, const char *path, const char *name, hid_t type, hid_t space,
                      const void *value) {
  if (H5Aexists_by_name(f->file, path, name, H5P_DEFAULT) <= 0) {
    hid_t made =
        H5Acreate_by_name(f->file, path, name, type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    RECORD_WRITE(made, name);
    RECORD_WRITE(H5Awrite(made, type, value), name);
    H5Aclose(made);
  }
  H5Tclose(type);
  H5Sclose(space);
}

void record_file_uint32_attribute(record_file *f, const char *path, const char *name, int count,
                                  const uint32_t *value) {
  hsize_t size = count;
  attribute(f, path, name, H5Tcopy(H5T_STD_U32LE),
            count == 1 ? H5Screate(H5S_SCALAR) : H5Screate_simple(1, &size, NULL), value);
}

void record_file_text_attribute(record_file *f, const char *path, const char *name,
                                const char *text) {
  hid_t type = H5Tcopy(H5T_C_S1);
  H5Tset_size(type, H5T_VARIABLE); /* what h5py writes, and reads as text */
  H5Tset_cset(type, H5T_CSET_UTF8);
  attribute(f, path, name, type, H5Screate(H5S_SCALAR), &text);
}

err record_file_change_text(record_file *f, const char *path, const char *name, const char *text,
                            bool *changed) {
  hid_t object = H5Oopen(f->file, path, H5P_DEFAULT);
  char *there = hdf5_file_text(object, name);
  *changed = !there || strcmp(there, text);
  free(there);
  const err e = record_file_claim(f, *changed ? RECORD_OBJECT_BYTES + strlen(text) : 0);
  if (e == OK && *changed) {
    if (H5Aexists(object, name) > 0) RECORD_WRITE(H5Adelete(object, name), name);
    record_file_text_attribute(f, path, name, text);
  }
  H5Oclose(object);
  return e;
}

void record_file_set_double(record_file *f, const char *path, const char *name, double value) {
  attribute(f, path, name, H5Tcopy(H5T_IEEE_F64LE), H5Screate(H5S_SCALAR), &(double){NAN});
  hid_t object = H5Oopen(f->file, path, H5P_DEFAULT);
  hid_t there = H5Aopen(object, name, H5P_DEFAULT);
  RECORD_WRITE(H5Awrite(there, H5T_NATIVE_DOUBLE, &value), name);
  H5Aclose(there);
  H5Oclose(object);
}

double record_file_double(record_file *f, const char *path, const char *name) {
  double value = NAN;
  hid_t object = H5Oopen(f->file, path, H5P_DEFAULT);
  hdf5_file_number(object, name, H5T_NATIVE_DOUBLE, &value);
  H5Oclose(object);
  return value;
}

void record_file_sorting_attribute(record_file *f, const char *path) {
  static const char *const name[] = {"none", "by_id", "by_time"};
  hid_t type = H5Tenum_create(H5T_STD_U8LE);
  for (uint8_t value = 0; value < 3; value++) H5Tenum_insert(type, name[value], &value);
  attribute(f, path, "sorting", type, H5Screate(H5S_SCALAR), &(uint8_t){2});
}

void record_file_flush(record_file *f) { RECORD_WRITE(H5Fflush(f->file, H5F_SCOPE_LOCAL), "out"); }
