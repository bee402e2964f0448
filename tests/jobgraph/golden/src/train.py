"""What a payload of the tests holds."""

import sys

sys.stdout.write('{"trained": true}\n')
