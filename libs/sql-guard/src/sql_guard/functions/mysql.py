"""Functions of MySQL 8/9 and MariaDB.

Sources: https://dev.mysql.com/doc/refman/8.4/en/built-in-function-reference.html and
https://mariadb.com/kb/en/function-reference/. Left out on purpose: load_file, sleep, benchmark, the lock functions
(get_lock, ...), replication waits (master_pos_wait, wait_for_executed_gtid_set, ...), sequences (nextval, lastval,
setval), session state (last_insert_id, found_rows, row_count, name_const), uuid_short, the ps_* and sys functions,
and every loadable function.
"""

from typing import Final

_SCALAR: Final = """
abs acos asin atan atan2 ceil ceiling conv cos cot crc32 crc32c degrees exp floor ln log log10 log2 mod pi pow power
radians rand round sign sin sqrt tan trunc truncate greatest least interval
ascii bin bit_length char char_length character_length chr concat concat_ws convert elt export_set field find_in_set
format format_bytes format_pico_time from_base64 hex insert instr lcase left length lengthb locate lower lpad ltrim
make_set mid natural_sort_key oct octet_length ord position quote regexp_instr regexp_like regexp_replace
regexp_substr repeat replace reverse right rpad rtrim sformat soundex space strcmp substr substring substring_index
to_base64 to_char to_date to_number trim trim_oracle ucase unhex upper weight_string extractvalue updatexml
levenshtein adddate addtime convert_tz curdate current_date current_time current_timestamp curtime date date_add
date_format date_sub datediff day dayname dayofmonth dayofweek dayofyear extract from_days from_unixtime get_format
hour last_day localtime localtimestamp makedate maketime microsecond minute month monthname now period_add
period_diff add_months months_between quarter second sec_to_time str_to_date subdate subtime sysdate time
time_format time_to_sec timediff timestamp timestampadd timestampdiff to_days to_seconds unix_timestamp utc_date
utc_time utc_timestamp week weekday weekofyear year yearweek
coalesce if ifnull isnull nullif nvl nvl2 decode_oracle cast binary collation coercibility charset
any_value avg bit_and bit_count bit_or bit_xor count group_concat grouping json_arrayagg json_objectagg max median
min percentile_cont percentile_disc std stddev stddev_pop stddev_samp sum var_pop var_samp variance
row_number rank dense_rank percent_rank cume_dist ntile lag lead first_value last_value nth_value
json_array json_array_append json_array_insert json_array_intersect json_compact json_contains json_contains_path
json_depth json_detailed json_equals json_exists json_extract json_insert json_key_value json_keys json_length
json_loose json_merge json_merge_patch json_merge_preserve json_normalize json_object json_object_filter_keys
json_object_to_array json_overlaps json_pretty json_query json_quote json_remove json_replace json_schema_valid
json_schema_validation_report json_search json_set json_storage_free json_storage_size json_type json_unquote
json_valid json_value
md5 sha sha1 sha2 uuid uuid_to_bin bin_to_uuid is_uuid uuidv4 uuidv7 uuid_v4 uuid_v7 sys_guid random_bytes compress
uncompress uncompressed_length inet_aton inet_ntoa inet6_aton inet6_ntoa is_ipv4 is_ipv4_compat is_ipv4_mapped
is_ipv6 database schema version user session_user system_user current_user current_role row rownum
st_area st_asbinary st_asgeojson st_astext st_aswkb st_aswkt st_buffer st_centroid st_collect st_contains
st_convexhull st_crosses st_difference st_dimension st_disjoint st_distance st_distance_sphere st_endpoint
st_envelope st_frechetdistance st_hausdorffdistance st_lineinterpolatepoint st_pointatdistance st_validate st_equals
st_exteriorring st_geohash st_geometryn st_geometrytype st_geomfromgeojson st_geomfromtext st_geomfromwkb
st_interiorringn st_intersection st_intersects st_isclosed st_isempty st_issimple st_isvalid st_latfromgeohash
st_latitude st_length st_longfromgeohash st_longitude st_makeenvelope st_numgeometries st_numinteriorrings
st_numpoints st_overlaps st_pointfromgeohash st_pointfromtext st_pointn st_simplify st_srid st_startpoint st_swapxy
st_symdifference st_touches st_transform st_union st_within st_x st_y point linestring polygon multipoint
multilinestring multipolygon geometrycollection mbrcontains mbrcoveredby mbrcovers mbrdisjoint mbrequals
mbrintersects mbroverlaps mbrtouches mbrwithin vec_distance vec_distance_euclidean vec_distance_cosine vec_fromtext
vec_totext vector_dim string_to_vector vector_to_string
"""

SCALAR: Final = frozenset(_SCALAR.split())

TABLE: Final[frozenset[str]] = frozenset()
