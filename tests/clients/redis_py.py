"""redis-py of the environment that runs this. Run as: python redis_py.py PORT PROTOCOL"""

import sys

import common

common.main(int(sys.argv[1]), int(sys.argv[2]))
