-- Takes the slot of the number ARGV[1] from the slots KEYS[1] if nothing is in it, KEYS[2], any more.
if redis.call('EXISTS', KEYS[2]) == 0 then
    redis.call('ZREM', KEYS[1], ARGV[1])
end
return 1
