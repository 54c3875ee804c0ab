"""What every version of redis-py is asked to do; redis_py.py runs it."""

import threading
import time

import redis


def check(condition, what):
    if not condition:
        raise AssertionError(what)


def equal(got, expected):
    if got != expected:
        raise AssertionError(f"got {got!r}, expected {expected!r}")


def fails(kind, text, action):
    try:
        action()
    except kind as error:
        check(text in str(error), f"{error!r} should say {text!r}")
    else:
        raise AssertionError(f"should have failed with {text!r}")


def strings(r):
    equal(r.set("s", "value"), True)
    equal(r.get("s"), "value")
    equal(r.get("missing"), None)
    equal(r.set("s", "x", nx=True), None)
    equal(r.set("s", "y", xx=True, get=True), "value")
    equal(r.mset({"a": 1, "b": 2}), True)
    equal(r.mget("a", "b", "missing"), ["1", "2", None])
    equal(r.incr("a", 5), 6)
    equal(r.incrbyfloat("a", 0.5), 6.5)
    equal(r.append("s", "z"), 2)
    equal(r.getrange("s", 0, 0), "y")
    equal(r.setex("t", 100, "v"), True)
    check(90 < r.ttl("t") <= 100, "TTL")
    equal(r.persist("t"), True)
    equal(r.getdel("t"), "v")
    equal(r.lcs("a", "b", len=True), 0)
    fails(redis.ResponseError, "not an integer", lambda: r.incr("s"))


def hashes(r):
    equal(r.hset("h", mapping={"f": 1, "g": 2}), 2)
    equal(r.hgetall("h"), {"f": "1", "g": "2"})
    equal(r.hmget("h", "f", "nope"), ["1", None])
    equal(r.hincrby("h", "f", 2), 3)
    equal(r.hincrbyfloat("h", "g", 0.5), 2.5)
    equal(sorted(r.hkeys("h")), ["f", "g"])
    equal(r.hlen("h"), 2)
    equal(r.hexists("h", "f"), True)
    equal(r.hdel("h", "f", "nope"), 1)
    equal(dict(r.hscan_iter("h")), {"g": "2.5"})
    fails(redis.ResponseError, "WRONGTYPE", lambda: r.get("h"))


def keys(r):
    r.flushdb()
    r.mset({f"k{i}": i for i in range(500)})
    equal(len(set(r.scan_iter(match="k*", count=50))), 500)
    equal(r.dbsize(), 500)
    equal(r.exists("k1", "k2", "nope"), 2)
    equal(r.rename("k1", "moved"), True)
    equal(r.copy("moved", "copied"), True)
    equal(r.type("moved"), "string")
    equal(r.expire("moved", 100), True)
    equal(r.expire("moved", 50, gt=True), False)
    equal(r.delete("moved", "copied"), 2)
    check(r.randomkey().startswith("k"), "RANDOMKEY")
    equal(r.object("encoding", "k2"), "int")


def transactions(r):
    with r.pipeline(transaction=True) as pipe:
        equal(pipe.set("x", 1).incr("x").get("x").execute(), [True, 2, "2"])
    with r.pipeline(transaction=False) as pipe:
        for i in range(1000):
            pipe.incr("many")
        equal(pipe.execute()[-1], 1000)
    with r.pipeline() as pipe:
        pipe.watch("x")
        r.set("x", 10)
        pipe.multi()
        pipe.incr("x")
        fails(redis.WatchError, "", pipe.execute)
    equal(r.transaction(lambda p: (p.multi(), p.incr("x")), "x"), [11])
    with r.pipeline() as pipe:
        pipe.set("y", 1).hget("y", "f")
        fails(redis.ResponseError, "WRONGTYPE", pipe.execute)


def messages(r):
    heard = []
    p = r.pubsub(ignore_subscribe_messages=True)
    p.subscribe(**{"news": lambda m: heard.append((m["channel"], m["data"]))})
    p.psubscribe(**{"n*": lambda m: heard.append((m["pattern"], m["data"]))})
    p.get_message(timeout=1)
    p.get_message(timeout=1)
    equal(r.publish("news", "hello"), 2)
    deadline = time.time() + 10
    while len(heard) < 2 and time.time() < deadline:
        p.get_message(timeout=0.1)
    equal(sorted(heard), [("n*", "hello"), ("news", "hello")])
    equal(r.pubsub_numsub("news"), [("news", 1)])
    p.close()


def server(r):
    info = r.info()
    check("redis_version" in info and info["loading"] == 0, "INFO")
    check(int(r.config_get("maxclients")["maxclients"]) > 0, "CONFIG GET")
    equal(r.config_set("maxmemory", 0), True)
    check(r.command_count() > 100, "COMMAND COUNT")
    check("get" in r.command(), "COMMAND")
    equal(r.command_getkeys("SET", "k", "v"), ["k"])
    check(any(c["name"] == "python" for c in r.client_list()), "CLIENT LIST")
    equal(r.client_getname(), "python")
    check(r.client_info()["db"] in ("3", 3), "CLIENT INFO")
    check(isinstance(r.time()[0], int), "TIME")
    check(r.memory_usage("many") > 0, "MEMORY USAGE")
    equal(r.echo("x"), "x")
    equal(r.ping(), True)
    fails(redis.ResponseError, "unknown command", lambda: r.execute_command("DPING"))
    check(r.slowlog_len() >= 0, "SLOWLOG LEN")


def threads(r):
    def work():
        for _ in range(200):
            r.incr("threads")

    workers = [threading.Thread(target=work) for _ in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    equal(r.get("threads"), "1600")


def main(port, protocol):
    r = redis.Redis(port=port, protocol=protocol, db=3, client_name="python", decode_responses=True)
    r.flushall()
    for part in (strings, hashes, keys, transactions, messages, server, threads):
        part(r)
    raw = redis.Redis(port=port, protocol=protocol)
    blob = bytes(range(256)) * 5000
    raw.set("blob", blob)
    equal(raw.get("blob"), blob)
    # As it connects by itself, whatever protocol that is.
    equal(redis.Redis(port=port).ping(), True)
    print("done with redis-py", redis.__version__, "protocol", protocol)
