"""Functions of DuckDB.

Source: duckdb_functions() of DuckDB 2.0 and https://duckdb.org/docs/stable/sql/functions/overview. Left out on
purpose: files and network (read_*, glob, sniff_csv, parquet_*, *_scan, st_read), SQL in strings or tables by name
(query, query_table, json_execute_serialized_sql, json_serialize_plan, histogram over a table, summary), the
environment and settings (getenv, getvariable, current_setting, duckdb_*, pragma_*, which_secret), sequences
(nextval, setval, currval), sleep_ms, pg_sleep, setseed, write_log, error, and internal functions.
"""

from typing import Final

_OF_LISTS: Final = """
aggr aggregate any_value append apply approx_count_distinct avg bit_and bit_or bit_xor bool_and bool_or cat concat
contains cosine_distance cosine_similarity count distance distinct dot_product element entropy extract filter first
grade_up has has_all has_any histogram indexof inner_product intersect kurtosis kurtosis_pop last length mad max
median min mode negative_dot_product negative_inner_product pack pop_back pop_front position prepend product
push_back push_front reduce resize reverse reverse_sort select sem skewness slice sort stddev_pop stddev_samp
string_agg sum to_string transform unique value var_pop var_samp where zip cross_product
"""

_SCALAR: Final = """
all any array columns some
abs acos acosh add asin asinh atan atan2 atanh bar bin binom cbrt ceil ceiling cos cosh cot degrees divide even exp
factorial fdiv floor fmod gamma gcd greatest_common_divisor isfinite isinf isnan lcm least_common_multiple lgamma
ln log log10 log2 mod multiply nextafter pi pow power radians random round round_even roundbankers sign signbit sin
sinh sqrt subtract tan tanh trunc xor bit_count get_bit set_bit bit_position bitstring unbin unhex
array_extract ascii base64 bit_length char_length character_length chr concat concat_ws contains
damerau_levenshtein editdist3 encode decode ends_with format formatreadabledecimalsize formatreadablesize
format_bytes from_base64 from_binary from_hex greatest hamming hash hex ilike_escape instr jaccard jaro_similarity
jaro_winkler_similarity lcase least left left_grapheme len length length_grapheme levenshtein like_escape lower
lpad ltrim md5 md5_number md5_number_lower md5_number_upper mismatches nfc_normalize not_ilike_escape
not_like_escape octet_length ord overlay parse_dirname parse_dirpath parse_filename parse_formatted_bytes
parse_path path_join position prefix printf regexp_escape regexp_extract regexp_extract_all regexp_full_match
regexp_matches regexp_replace regexp_split_to_array regexp_split_to_table repeat replace reverse right
right_grapheme rpad rtrim sha1 sha256 split split_part starts_with str_split str_split_regex string_split
string_split_regex string_to_array strip_accents strlen strpos substr substring substring_grapheme suffix to_base
to_base64 to_binary to_hex translate trim ucase unicode upper url_decode url_encode collation
age ago century current_date current_localtime current_localtimestamp current_time current_timestamp date date_add
date_diff date_part date_sub date_trunc datediff datepart datesub datetrunc day dayname dayofmonth dayofweek
dayofyear days_in_month decade epoch epoch_ms epoch_ns epoch_us era extract get_current_time get_current_timestamp
hour isodow isoyear julian last_day localtime localtimestamp make_date make_time make_timestamp make_timestamp_ms
make_timestamp_ns make_timestamptz microsecond millennium millisecond minute month monthname nanosecond
normalized_interval now quarter second strftime strptime time time_bucket timestamp timezone timezone_hour
timezone_minute to_centuries to_days to_decades to_hours to_microseconds to_millennia to_milliseconds to_minutes
to_months to_quarters to_seconds to_timestamp to_weeks to_years today transaction_timestamp try_strptime week
weekday weekofyear year yearweek interval
any_value approx_count_distinct approx_quantile approx_top_k arbitrary arg_max arg_max_null arg_max_nulls_last
arg_min arg_min_null arg_min_nulls_last argmax argmin array_agg avg bit_and bit_or bit_xor bitstring_agg bool_and
bool_or corr count count_if count_star countif covar_pop covar_samp decimal_average entropy favg first fsum geomean
geometric_mean group_concat histogram histogram_exact kahan_sum kurtosis kurtosis_pop last list listagg mad max
max_by mean median min min_by mode product quantile quantile_cont quantile_disc percentile_cont percentile_disc
regr_avgx regr_avgy regr_count regr_intercept regr_r2 regr_slope regr_sxx regr_sxy regr_syy reservoir_quantile sem
skewness stddev stddev_pop stddev_samp string_agg sum sum_no_overflow sumkahan var_pop var_samp variance wavg
weighted_avg lttb
row_number rank rank_dense dense_rank percent_rank cume_dist ntile lag lead first_value last_value nth_value fill
grouping grouping_id
coalesce if ifnull nullif nvl case switch try alias typeof get_type vector_type can_cast_implicitly
cardinality element_at flatten generate_series generate_subscripts map map_concat map_contains map_contains_entry
map_contains_value map_entries map_extract map_extract_value map_from_entries map_keys map_values range row
struct_concat struct_contains struct_extract struct_extract_at struct_has struct_indexof struct_insert struct_keys
struct_pack struct_position struct_update struct_values union_extract union_tag union_value unnest unpivot_list
apply filter reduce equi_width_bins grade_up vertex_extract remap_struct
enum_code enum_first enum_last enum_range enum_range_boundary
array_to_json from_json from_json_strict json json_array json_array_length json_contains json_deep_merge
json_exists json_extract json_extract_path json_extract_path_text json_extract_string json_group_array
json_group_object json_group_structure json_insert json_keys json_merge_patch json_merge_patch_diff json_normalize
json_object json_pretty json_quote json_remove json_replace json_set json_strip_nulls json_structure json_transform
json_transform_strict json_type json_valid json_value row_to_json to_json
gen_random_uuid uuid uuid_extract_timestamp uuid_extract_version uuidv4 uuidv7
current_catalog current_database current_role current_schema current_schemas current_user session_user user version
pg_typeof pg_size_pretty format_type
st_area st_asbinary st_asgeojson st_astext st_aswkb st_aswkt st_buffer st_centroid st_contains st_convexhull
st_crosses st_crs st_difference st_disjoint st_distance st_distance_sphere st_distance_spheroid st_dwithin
st_endpoint st_envelope st_equals st_flipcoordinates st_geometrytype st_geomfromgeojson st_geomfromtext
st_geomfromwkb st_intersection st_intersects st_intersects_extent st_isempty st_isvalid st_length
st_length_spheroid st_makeenvelope st_makeline st_makepolygon st_npoints st_overlaps st_perimeter st_point
st_point2d st_setcrs st_simplify st_startpoint st_touches st_transform st_union st_union_agg st_within st_x st_xmax
st_xmin st_y st_ymax st_ymin
variant_array_length variant_contains variant_exists variant_extract variant_extract_string variant_keys
variant_type variant_typeof
"""

SCALAR: Final = frozenset(_SCALAR.split()) | {
    f"{kind}_{name}" for kind in ("list", "array") for name in _OF_LISTS.split()
}

TABLE: Final = frozenset(
    {"pragma_table_info", "generate_series", "json_each", "json_tree", "range", "repeat", "repeat_row", "unnest"}
)
