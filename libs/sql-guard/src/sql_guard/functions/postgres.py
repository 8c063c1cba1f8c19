"""Functions of PostgreSQL, with the pure ones of its contrib modules and of pgvector and PostGIS.

Source: https://www.postgresql.org/docs/current/functions.html and pg_proc of PostgreSQL 18. Left out on purpose:
files (pg_read_file, pg_ls_*, lo_*), SQL in strings (query_to_xml, table_to_xml, ts_stat, ts_rewrite, dblink*),
settings (set_config, current_setting), sequences (nextval, setval), waits and locks (pg_sleep*, pg_advisory_*),
administration and statistics (pg_*), catalog look-ups (pg_get_*, to_reg*, has_*_privilege), setseed, and what tells
of the connection (inet_server_addr, pg_backend_pid). `pg_size_pretty` and the few other pg_ names below are pure.
"""

from typing import Final

_SCALAR: Final = """
all any array some
abs cbrt ceil ceiling degrees div erf erfc exp factorial floor gamma gcd lcm lgamma ln log log10 min_scale mod pi
power pow radians random random_normal round scale sign sqrt trim_scale trunc width_bucket isfinite
acos acosd acosh asin asind asinh atan atand atanh atan2 atan2d cos cosd cosh cot cotd sin sind sinh tan tand tanh
ascii bit_count bit_length btrim casefold char_length character_length chr concat concat_ws convert convert_from
convert_to crc32 crc32c decode encode format get_bit get_byte initcap left length lower lpad ltrim md5 normalize
num_nonnulls num_nulls octet_length overlay parse_ident position quote_ident quote_literal quote_nullable
regexp_count regexp_instr regexp_like regexp_match regexp_matches regexp_replace regexp_split_to_array
regexp_split_to_table regexp_substr repeat replace reverse right rpad rtrim set_bit set_byte sha224 sha256 sha384
sha512 split_part starts_with string_to_array string_to_table strpos substr substring to_ascii to_bin to_char
to_hex to_oct translate trim unicode_assigned unistr upper to_number to_date to_timestamp collation
age clock_timestamp current_date current_time current_timestamp date date_add date_bin date_part date_subtract
date_trunc extract isfinite justify_days justify_hours justify_interval localtime localtimestamp make_date
make_interval make_time make_timestamp make_timestamptz now overlaps statement_timestamp timeofday timezone
transaction_timestamp time timestamp timestamptz interval
any_value array_agg avg bit_and bit_or bit_xor bool_and bool_or corr count covar_pop covar_samp cume_dist
dense_rank every first_value grouping json_agg json_agg_strict json_arrayagg json_object_agg json_object_agg_strict
json_object_agg_unique json_object_agg_unique_strict json_objectagg jsonb_agg jsonb_agg_strict jsonb_object_agg
jsonb_object_agg_strict jsonb_object_agg_unique jsonb_object_agg_unique_strict lag last_value lead max min mode
nth_value ntile percent_rank percentile_cont percentile_disc range_agg range_intersect_agg rank regr_avgx regr_avgy
regr_count regr_intercept regr_r2 regr_slope regr_sxx regr_sxy regr_syy row_number stddev stddev_pop stddev_samp
string_agg sum var_pop var_samp variance xmlagg
array_append array_cat array_dims array_fill array_length array_lower array_ndims array_position array_positions
array_prepend array_remove array_replace array_reverse array_sample array_shuffle array_sort array_to_json
array_to_string array_upper cardinality generate_subscripts trim_array unnest
json json_array json_array_element json_array_elements json_array_element_text json_array_elements_text
json_array_length json_build_array json_build_object json_each json_each_text json_exists json_extract_path
json_extract_path_text json_object json_object_field json_object_field_text json_object_keys json_populate_record
json_populate_recordset json_query json_scalar json_serialize json_strip_nulls json_to_record json_to_recordset
json_typeof json_value jsonb_array_element jsonb_array_elements jsonb_array_element_text jsonb_array_elements_text
jsonb_array_length jsonb_build_array jsonb_build_object jsonb_concat jsonb_contained jsonb_contains jsonb_delete
jsonb_delete_path jsonb_each jsonb_each_text jsonb_exists jsonb_exists_all jsonb_exists_any jsonb_extract_path
jsonb_extract_path_text jsonb_insert jsonb_object jsonb_object_field jsonb_object_field_text jsonb_object_keys
jsonb_path_exists jsonb_path_exists_tz jsonb_path_match jsonb_path_match_tz jsonb_path_query jsonb_path_query_tz
jsonb_path_query_array jsonb_path_query_array_tz jsonb_path_query_first jsonb_path_query_first_tz
jsonb_populate_record jsonb_populate_record_valid jsonb_populate_recordset jsonb_pretty jsonb_set jsonb_set_lax
jsonb_strip_nulls jsonb_to_record jsonb_to_recordset jsonb_typeof row_to_json to_json to_jsonb enum_first enum_last
enum_range hashint4 hashint8 hashtext hashtextextended
bool bpchar bytea float4 float8 int2 int4 int8 money name numeric timetz uuid varbit varchar xml
coalesce greatest least nullif generate_series row
daterange int4range int8range numrange tsrange tstzrange datemultirange int4multirange int8multirange
nummultirange tsmultirange tstzmultirange multirange isempty lower_inc lower_inf upper_inc upper_inf range_merge
array_to_tsvector get_current_ts_config json_to_tsvector jsonb_to_tsvector numnode phraseto_tsquery plainto_tsquery
querytree setweight strip to_tsquery to_tsvector ts_delete ts_filter ts_headline ts_rank ts_rank_cd tsquery_phrase
tsvector_to_array websearch_to_tsquery ts_lexize
abbrev broadcast family host hostmask inet_merge inet_same_family masklen netmask network set_masklen text
area box center circle diagonal diameter height ishorizontal isclosed isopen isparallel isperp isvertical length
line lseg npoints path pclose point polygon popen radius slope width bound_box
xmlcomment xmlconcat xmlelement xmlexists xmlforest xml_is_well_formed xml_is_well_formed_content
xml_is_well_formed_document xmltext xpath xpath_exists
gen_random_uuid uuidv4 uuidv7 uuid_extract_timestamp uuid_extract_version uuid_generate_v1 uuid_generate_v4
uuid_generate_v5
current_database current_schema current_schemas current_catalog current_user session_user user version
pg_typeof pg_size_pretty pg_size_bytes pg_column_size pg_input_is_valid pg_table_is_visible format_type
col_description obj_description
similarity show_trgm word_similarity strict_word_similarity levenshtein levenshtein_less_equal soundex difference
metaphone dmetaphone dmetaphone_alt daitch_mokotoff unaccent akeys avals skeys svals each hstore hstore_to_json
hstore_to_jsonb slice exist defined cube cube_dim cube_distance icount sort sort_asc sort_desc uniq
earth_box earth_distance ll_to_earth latitude longitude idx subarray nlevel subpath subltree lca digest hmac
cosine_distance inner_product l1_distance l2_distance vector_dims vector_norm l2_norm l2_normalize binary_quantize
hamming_distance jaccard_distance subvector
st_area st_asbinary st_asewkt st_asgeojson st_astext st_azimuth st_boundary st_buffer st_centroid st_closestpoint
st_clusterdbscan st_clusterkmeans st_collect st_contains st_containsproperly st_convexhull st_coveredby st_covers
st_crosses st_difference st_dimension st_disjoint st_distance st_distance_sphere st_distancesphere
st_distancespheroid st_dump st_dwithin st_endpoint st_envelope st_equals st_exteriorring st_extent st_geogfromtext
st_geographyfromtext st_geohash st_geometryn st_geometrytype st_geomfromgeojson st_geomfromtext st_geomfromwkb
st_intersection st_intersects st_isclosed st_isempty st_issimple st_isvalid st_length st_lineinterpolatepoint
st_makeenvelope st_makeline st_makepoint st_makepolygon st_makevalid st_multi st_npoints st_numgeometries
st_overlaps st_perimeter st_point st_pointn st_pointonsurface st_project st_setsrid st_simplify st_subdivide
st_snaptogrid st_srid st_startpoint st_touches st_transform st_union st_within st_x st_xmax st_xmin st_y st_ymax
st_ymin st_z geography geometry time_bucket time_bucket_gapfill locf first last histogram approx_percentile
percentile_agg
"""

SCALAR: Final = frozenset(_SCALAR.split())

# Any function may stand where a table may: `FROM upper('x')`.
TABLE: Final = SCALAR
