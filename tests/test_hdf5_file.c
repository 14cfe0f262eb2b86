/* What hdf5_file.h promises of attributes: one string or one number is read, whatever its form in
 * the file; anything else is refused, told of, and written nowhere. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "hdf5_file.h"

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

static hid_t file; /* in memory alone */

static int open_file(void **state) {
  (void)state;
  const hid_t memory = H5Pcreate(H5P_FILE_ACCESS);
  H5Pset_fapl_core(memory, 1 << 16, false);
  file = H5Fcreate("attributes.h5", H5F_ACC_TRUNC, H5P_DEFAULT, memory);
  H5Pclose(memory);
  return file < 0;
}

static int close_file(void **state) {
  (void)state;
  return H5Fclose(file) < 0;
}

/* count 0: a scalar, -1: no element. Closes `type`. */
static void put(const char *name, hid_t type, hssize_t count, const void *value) {
  const hsize_t size = count > 0 ? (hsize_t)count : 0;
  const hid_t space = count == 0  ? H5Screate(H5S_SCALAR)
                      : count < 0 ? H5Screate(H5S_NULL)
                                  : H5Screate_simple(1, &size, NULL);
  const hid_t made = H5Acreate2(file, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
  assert_true(made >= 0 && (count < 0 || H5Awrite(made, type, value) >= 0));
  H5Aclose(made);
  H5Sclose(space);
  H5Tclose(type);
}

static hid_t string_of(size_t size, H5T_str_t padding, H5T_cset_t set) {
  const hid_t type = H5Tcopy(H5T_C_S1);
  H5Tset_size(type, size);
  H5Tset_strpad(type, padding);
  H5Tset_cset(type, set);
  return type;
}

static void expect_text(const char *name, const char *expected) {
  char *text = hdf5_file_text(file, name);
  assert_non_null(text);
  assert_string_equal(text, expected);
  free(text);
}

static void a_string_is_read_in_any_form(void **state) {
  (void)state;
  char words[40001];
  memset(words, 'w', 40000);
  words[40000] = 0;
  const char *text = "ms", *const list[] = {"s"};
  put("fixed", string_of(3, H5T_STR_NULLTERM, H5T_CSET_ASCII), 0, "ms");
  put("full", string_of(2, H5T_STR_NULLPAD, H5T_CSET_UTF8), 0, "ms");
  put("spaces", string_of(6, H5T_STR_SPACEPAD, H5T_CSET_ASCII), 0, "ms    ");
  put("variable", string_of(H5T_VARIABLE, H5T_STR_NULLTERM, H5T_CSET_UTF8), 0, &text);
  put("one of a list", string_of(H5T_VARIABLE, H5T_STR_NULLTERM, H5T_CSET_ASCII), 1, list);
  put("long", string_of(40000, H5T_STR_NULLPAD, H5T_CSET_ASCII), 0, words);
  expect_text("fixed", "ms");
  expect_text("full", "ms");
  expect_text("spaces", "ms");
  expect_text("variable", "ms");
  expect_text("one of a list", "s");
  expect_text("long", words);
}

static void expect_none(const char *name, const char *kind) {
  assert_null(hdf5_file_text(file, name));
  assert_string_equal(hdf5_file_attribute_kind(file, name), kind);
}

static void what_is_no_single_string_is_none(void **state) {
  (void)state;
  const char *texts[] = {"ms", "s", "min"};
  const int64_t integers[40] = {0};
  const double real = 0.5;
  put("texts", string_of(H5T_VARIABLE, H5T_STR_NULLTERM, H5T_CSET_UTF8), 3, texts);
  put("words", string_of(2, H5T_STR_NULLPAD, H5T_CSET_UTF8), 2, "mss ");
  put("no text", string_of(2, H5T_STR_NULLPAD, H5T_CSET_UTF8), -1, NULL);
  put("integers", H5Tcopy(H5T_NATIVE_INT64), 40, integers);
  put("real", H5Tcopy(H5T_NATIVE_DOUBLE), 0, &real);
  put("opaque", H5Tcreate(H5T_OPAQUE, 16), 0, integers);
  expect_none("texts", "3 strings");
  expect_none("words", "2 strings");
  expect_none("no text", "0 strings");
  expect_none("integers", "40 integers");
  expect_none("real", "1 floating-point number");
  expect_none("opaque", "1 value that is neither text nor number");
  expect_none("not there", "nothing");
}

static void one_number_of_its_class_is_read(void **state) {
  (void)state;
  const int32_t whole = -7, three[] = {1, 2, 3};
  const double real = 0.25;
  int64_t integer = 99;
  double value = 99;
  put("whole", H5Tcopy(H5T_NATIVE_INT32), 1, &whole);
  put("three", H5Tcopy(H5T_NATIVE_INT32), 3, three);
  put("quarter", H5Tcopy(H5T_NATIVE_DOUBLE), 0, &real);
  assert_false(hdf5_file_number(file, "three", H5T_NATIVE_INT64, &integer));
  assert_false(hdf5_file_number(file, "quarter", H5T_NATIVE_INT64, &integer));
  assert_false(hdf5_file_number(file, "not there", H5T_NATIVE_INT64, &integer));
  assert_int_equal(integer, 99);
  assert_false(hdf5_file_number(file, "whole", H5T_NATIVE_DOUBLE, &value));
  assert_true(value == 99);
  assert_true(hdf5_file_number(file, "whole", H5T_NATIVE_INT64, &integer) && integer == -7);
  assert_true(hdf5_file_number(file, "quarter", H5T_NATIVE_DOUBLE, &value) && value == 0.25);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_string_is_read_in_any_form),
      cmocka_unit_test(what_is_no_single_string_is_none),
      cmocka_unit_test(one_number_of_its_class_is_read),
  };
  return cmocka_run_group_tests(tests, open_file, close_file);
}
