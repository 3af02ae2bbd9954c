-- Removes records that ended by ARGV[1], at most ARGV[2] of each kind. KEYS are those of write.lua.
for kind = 1, 8 do
    local ended = redis.call('ZRANGEBYSCORE', KEYS[kind + 13], '-inf', ARGV[1], 'LIMIT', 0, ARGV[2])
    for _, field in ipairs(ended) do
        if kind == 2 then
            local name = redis.call('HGET', KEYS[10], field)
            if name then
                redis.call('HDEL', KEYS[9], name)
            end
            redis.call('HDEL', KEYS[10], field)
        elseif kind == 5 then
            redis.call('ZREM', KEYS[11], field)
            local places, i = redis.call('HGET', KEYS[23], field), 1
            while places and i < #places do
                local high, low = string.byte(places, i, i + 1)
                local last = i + 1 + high * 256 + low
                redis.call('ZREM', KEYS[22], string.sub(places, i + 2, last))
                i = last + 1
            end
            redis.call('HDEL', KEYS[23], field)
        elseif kind == 6 then
            local due = redis.call('HGET', KEYS[13], field)
            if due then
                redis.call('ZREM', KEYS[12], due)
            end
            redis.call('HDEL', KEYS[13], field)
        end
        redis.call('HDEL', KEYS[kind], field)
        redis.call('ZREM', KEYS[kind + 13], field)
    end
end
return 1
