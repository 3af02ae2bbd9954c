-- Records events of the kind ARGV[1]; keeps the newest ARGV[2] of them, and none from before ARGV[3].
-- KEYS: the last number of each kind, the events of this one. ARGV from the fourth on: pairs of a time and a line.
local count = (#ARGV - 3) / 2
local last = redis.call('HINCRBY', KEYS[1], ARGV[1], count)
for i = 1, count do
    local number = string.format('%d', last - count + i)
    redis.call('ZADD', KEYS[2], number, number .. ' ' .. ARGV[2 + 2 * i] .. ' ' .. ARGV[3 + 2 * i])
end
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', string.format('%d', last - tonumber(ARGV[2])))
for _, event in ipairs(redis.call('ZRANGE', KEYS[2], 0, 2 * count + 16)) do
    if tonumber(string.match(event, '^%d+ (-?%d+) ')) < tonumber(ARGV[3]) then
        redis.call('ZREM', KEYS[2], event)
    end
end
return 1
