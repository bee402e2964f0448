"""What a payload of the tests holds."""

print('{"trained": true}')
