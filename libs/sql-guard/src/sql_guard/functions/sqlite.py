"""Functions of SQLite, with those of its JSON, math and full-text extensions.

Sources: https://sqlite.org/lang_corefunc.html, lang_aggfunc.html, lang_datefunc.html, lang_mathfunc.html,
json1.html, windowfunctions.html, fts5.html#_auxiliary_functions_. Left out on purpose: load_extension, readfile,
writefile, edit, fts3_tokenizer, sqlite_log, and what tells of the session (changes, last_insert_rowid).
"""

from typing import Final

_SCALAR: Final = """
abs ceil ceiling char coalesce concat concat_ws format glob hex if ifnull iif instr length like likelihood likely
lower ltrim max min nullif octet_length printf quote random randomblob replace round rtrim sign soundex
sqlite_version substr substring subtype trim typeof unhex unicode unistr unistr_quote unlikely upper zeroblob regexp
acos acosh asin asinh atan atan2 atanh cos cosh degrees exp floor ln log log10 log2 mod pi pow power radians sin
sinh sqrt tan tanh trunc
avg count group_concat median percentile percentile_cont percentile_disc string_agg sum total stddev stdev variance
row_number rank dense_rank percent_rank cume_dist ntile lag lead first_value last_value nth_value
date time datetime julianday unixepoch strftime timediff current_date current_time current_timestamp
json jsonb json_array jsonb_array json_array_insert jsonb_array_insert json_array_length json_error_position
json_extract jsonb_extract json_group_array jsonb_group_array json_group_object jsonb_group_object json_insert
jsonb_insert json_object jsonb_object json_patch jsonb_patch json_pretty json_quote json_remove jsonb_remove
json_replace jsonb_replace json_set jsonb_set json_type json_valid
bm25 highlight snippet match matchinfo offsets
"""

SCALAR: Final = frozenset(_SCALAR.split())

TABLE: Final = frozenset({"pragma_table_info", "json_each", "json_tree", "jsonb_each", "jsonb_tree", "generate_series"})
