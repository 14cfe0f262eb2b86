/* Tables, recordings and partitions in HDF5. */
#include "hdf5_file.h"
#include "phi_spikes.h"
#include "phi_table.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static err open_file(const char *path, hid_t *file) {
  H5Eset_auto2(H5E_DEFAULT, NULL, NULL); /* our messages name the file and what is wrong */
  *file = -1;
  if (check_is_no_file(path)) return check_fail(ERR_USER, "%s: is no file", path);
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

static err order_of_attribute(const char *path, hid_t table, phi_order *order) {
  if (H5Aexists(table, "order") <= 0) return OK;
  char *text = hdf5_file_text(table, "order");
  err e = OK;
  if (!text)
    e = check_fail(ERR_USER, "%s: /tpm: attribute order holds %s; one string is allowed", path,
                   hdf5_file_attribute_kind(table, "order"));
  else if (text[0])
    e = phi_order_of(text, order);
  free(text);
  return e;
}

static err declared_order(const char *path, hid_t file, phi_order declared, phi_order *order) {
  phi_order found = PHI_ORDER_UNDECLARED;
  const hid_t table = H5Dopen2(file, "tpm", H5P_DEFAULT);
  err e = order_of_attribute(path, table, &found);
  H5Dclose(table);
  if (!e && declared && found && declared != found)
    e = check_fail(ERR_USER, "%s declares the order %s, the command the other", path,
                   found == PHI_ORDER_LITTLE ? "little-endian" : "big-endian");
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
