/* Tables, recordings and partitions in HDF5. */
#include "phi_spikes.h"
#include "phi_table.h"

#include <hdf5.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static err open_file(const char *path, hid_t *file) {
  H5Eset_auto2(H5E_DEFAULT, NULL, NULL); /* our messages name the file and what is wrong */
  *file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
  return *file < 0 ? check_fail(ERR_USER, "%s cannot be read as an HDF5 file", path) : OK;
}

/* A dataset of numbers of one or two dimensions (columns = 1); caller frees. */
static err read_matrix(const char *path, hid_t file, const char *name, size_t *rows,
                       size_t *columns, double **value) {
  *value = NULL;
  hid_t data = H5Dopen2(file, name, H5P_DEFAULT);
  if (data < 0) return check_fail(ERR_USER, "%s: there is no dataset /%s", path, name);
  hid_t space = H5Dget_space(data), type = H5Dget_type(data);
  hsize_t size[2] = {0, 1};
  int dimensions = H5Sget_simple_extent_ndims(space);
  H5T_class_t kind = H5Tget_class(type);
  err e = OK;
  if (dimensions < 1 || dimensions > 2 || (kind != H5T_INTEGER && kind != H5T_FLOAT))
    e = check_fail(ERR_USER, "%s: /%s must be an array of numbers with 1 or 2 dimensions", path,
                   name);
  else {
    H5Sget_simple_extent_dims(space, size, NULL);
    *rows = size[0], *columns = size[1];
    *value = check_allocate(*rows * *columns, sizeof **value);
    if (H5Dread(data, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, *value) < 0)
      e = check_fail(ERR_USER, "%s: /%s cannot be read", path, name);
  }
  H5Tclose(type);
  H5Sclose(space);
  H5Dclose(data);
  return e;
}

/* A text attribute, of fixed or variable length; "" where there is none. */
static void read_text(hid_t file, const char *object, const char *name, char *text, size_t size) {
  text[0] = 0;
  if (H5Aexists_by_name(file, object, name, H5P_DEFAULT) <= 0) return;
  hid_t attribute = H5Aopen_by_name(file, object, name, H5P_DEFAULT, H5P_DEFAULT);
  hid_t type = H5Aget_type(attribute), memory = H5Tcopy(H5T_C_S1);
  if (H5Tget_class(type) == H5T_STRING) {
    H5Tset_cset(memory, H5Tget_cset(type));
    if (H5Tis_variable_str(type) > 0) {
      char *found = NULL;
      H5Tset_size(memory, H5T_VARIABLE);
      if (H5Aread(attribute, memory, &found) >= 0 && found) snprintf(text, size, "%s", found);
      H5free_memory(found);
    } else {
      char *found = check_allocate(H5Tget_size(type) + 1, 1);
      H5Tset_size(memory, H5Tget_size(type) + 1);
      if (H5Aread(attribute, memory, found) >= 0) snprintf(text, size, "%s", found);
      free(found);
    }
  }
  H5Tclose(type);
  H5Tclose(memory);
  H5Aclose(attribute);
}

static err declared_order(const char *path, hid_t file, phi_order declared, phi_order *order) {
  char text[40];
  phi_order found = PHI_ORDER_UNDECLARED;
  read_text(file, "tpm", "order", text, sizeof text);
  err e = text[0] ? phi_order_of(text, &found) : OK;
  if (!e && declared && found && declared != found)
    e = check_fail(ERR_USER, "%s declares the order %s, the command the other", path, text);
  *order = found ? found : declared;
  return e;
}

/* 0 and 1 of /cm or /state. */
static err read_bits(const char *path, hid_t file, const char *name, size_t rows, size_t columns,
                     uint8_t **bits) {
  size_t found[2];
  double *value;
  if (H5Lexists(file, name, H5P_DEFAULT) <= 0) return OK;
  err e = read_matrix(path, file, name, &found[0], &found[1], &value);
  if (!e && (found[0] != rows || found[1] != columns))
    e = check_fail(ERR_USER, "%s: /%s is %zu x %zu; it must be %zu x %zu", path, name, found[0],
                   found[1], rows, columns);
  if (!e) *bits = check_allocate(rows * columns, 1);
  for (size_t i = 0; !e && i < rows * columns; i++) {
    if (value[i] != 0 && value[i] != 1)
      e = check_fail(ERR_USER, "%s: /%s, element %zu is %g; allowed are 0 and 1", path, name, i,
                     value[i]);
    (*bits)[i] = value[i] == 1;
  }
  free(value);
  return e;
}

err phi_table_read_hdf5(const char *path, phi_order declared, phi_table *made) {
  memset(made, 0, sizeof *made);
  hid_t file;
  size_t rows, columns;
  double *value = NULL;
  phi_order order;
  err e = open_file(path, &file);
  if (e) return e;
  e = read_matrix(path, file, "tpm", &rows, &columns, &value);
  if (!e) e = declared_order(path, file, declared, &order);
  if (!e) e = phi_table_make(path, rows, columns, value, order, made);
  free(value);
  size_t n = (size_t)made->n;
  if (!e) e = read_bits(path, file, "cm", n, n, &made->connectivity);
  if (!e) e = read_bits(path, file, "state", n, 1, &made->state);
  H5Fclose(file);
  if (e) phi_table_free(made);
  return e;
}

err phi_series_read_hdf5(const char *path, phi_series *made) {
  memset(made, 0, sizeof *made);
  hid_t file;
  size_t rows, columns;
  double *value = NULL;
  err e = open_file(path, &file);
  if (e) return e;
  e = read_matrix(path, file, "series", &rows, &columns, &value);
  H5Fclose(file);
  for (size_t i = 0; !e && i < rows * columns; i++)
    if (!isfinite(value[i]))
      e = check_fail(ERR_USER,
                     "%s: /series, sample %zu, variable %zu is %g; only finite numbers are "
                     "allowed",
                     path, i / columns, i % columns, value[i]);
  if (e)
    free(value);
  else
    *made = (phi_series){(int64_t)rows, (int)columns, value};
  return e;
}

err phi_owner_read_file(const char *path, size_t *owners, uint32_t **owner) {
  hid_t file;
  size_t columns;
  double *value = NULL;
  *owner = NULL;
  err e = open_file(path, &file);
  if (e) return e;
  e = read_matrix(path, file, "owner", owners, &columns, &value);
  H5Fclose(file);
  if (!e) {
    *owner = check_allocate(*owners, sizeof **owner);
    for (size_t i = 0; i < *owners; i++) (*owner)[i] = (uint32_t)value[i];
  }
  free(value);
  return e;
}
