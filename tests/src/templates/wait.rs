//! What clients wait with, and what others write meanwhile, all of it with a few keys in one database; and keys that expire
//! at once.

/// Requests that wait for ever if nobody writes.
pub(crate) const WAITERS: &[&str] = &[
    "BLPOP $w+ 0",
    "BRPOP $w+ 0",
    "BLPOP $w $w 0",
    "BLMOVE $w $w $where $where 0",
    "BRPOPLPUSH $w $w 0",
    "BLMPOP 0 2 $w $w $where COUNT $small",
    "BLMPOP 0 1 $w LEFT",
    "BZPOPMIN $w+ 0",
    "BZPOPMAX $w+ 0",
    "BZMPOP 0 2 $w $w $minmax COUNT $small",
    "XREAD BLOCK 0 STREAMS $w $",
    "XREAD COUNT 1 BLOCK 0 STREAMS $w $w $ 0",
    "XREADGROUP GROUP g1 c1 BLOCK 0 STREAMS $w >",
    "XREADGROUP GROUP g1 $con BLOCK 0 COUNT 1 STREAMS $w >",
];

/// What is written meanwhile. Nothing is stored over what is there: redis-server then does not look whether somebody waits for it.
pub(crate) const WRITERS: &[&str] = &[
    "RPUSH $w $e+",
    "LPUSH $w $e+",
    "RPUSH $w $e",
    "LINSERT $w $side a b",
    "ZADD $w $sm+",
    "ZADD $w NX $sm+",
    "ZINCRBY $w 1 $zm",
    "XADD $w $id $fv",
    "XADD $w $id $fv",
    "XGROUP CREATE $w g1 $ MKSTREAM",
    "XGROUP CREATE $w g1 0",
    "XGROUP DESTROY $w g1",
    "SET $w x",
    "SADD $w 3 1 2",
    "DEL $w",
    "COPY $w sk REPLACE ; SORT sk ALPHA STORE w:8 ; RENAME w:8 $w ; DEL sk",
    "ZUNIONSTORE w:8 1 $w ; RENAME w:8 $w",
    "ZRANGESTORE w:8 $w 0 -1 ; RENAME w:8 $w",
    "GEOADD $w 1 2 p",
    "RENAME $w $w",
    "COPY $w $w",
    "COPY $w $w REPLACE",
    "LPOP $w",
    "ZPOPMIN $w",
    "LMOVE $w $w $where $where",
    "RPOPLPUSH $w $w",
    "MOVE $w 1",
    "SWAPDB 0 1",
    "EXPIREAT $w 1",
    "FLUSHDB",
];

/// What makes keys that are gone a moment later. Nothing may follow them before that.
pub(crate) const MOMENTARY: &[&str] = &[
    "PEXPIRE $k 1",
    "PEXPIRE $k 2",
    "PEXPIRE $k 1 XX",
    "SET $s $v PX 1",
    "PSETEX $s 2 $v",
    "GETEX $s PX 1",
    "COPY $k $k",
    "RENAME $k $k",
];
