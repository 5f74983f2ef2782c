"""python -m tenon.trt script.py args…"""

import sys

from tenon.trt._runner import main

if __name__ == "__main__":
    main(sys.argv[1:])
