-- Changes, all of them if each record is still what it was, else none. Answers 1 or 0.
-- KEYS: challenges, transactions, queue, devices, certificates, notices, passwords, shelves, names, the names by id, revoked, due
-- notices, the due notices by certificate, then the ends of the first eight; the places of certificates, and those by certificate.
-- ARGV: for each change its kind, field, value before, value after (empty is none), end, and an index entry: the name of a
-- transaction, whether a certificate is revoked ('r') and its places, or when a notice is due.
local function each_place(packed, command)
    local i = 1
    while packed and i < #packed do
        local high, low = string.byte(packed, i, i + 1)
        local last = i + 1 + high * 256 + low
        local place = string.sub(packed, i + 2, last)
        if command == 'ZADD' then
            redis.call('ZADD', KEYS[22], 0, place)
        else
            redis.call('ZREM', KEYS[22], place)
        end
        i = last + 1
    end
end
for i = 1, #ARGV, 6 do
    local kind, field, before = tonumber(ARGV[i]), ARGV[i + 1], ARGV[i + 2]
    if (redis.call('HGET', KEYS[kind], field) or '') ~= before then
        return 0
    end
    if kind == 2 and before == '' and redis.call('HEXISTS', KEYS[9], ARGV[i + 5]) == 1 then
        return 0
    end
end
for i = 1, #ARGV, 6 do
    local kind, field, after = tonumber(ARGV[i]), ARGV[i + 1], ARGV[i + 3]
    local ends, entry = ARGV[i + 4], ARGV[i + 5]
    if kind == 6 then
        local due = redis.call('HGET', KEYS[13], field)
        if due then
            redis.call('ZREM', KEYS[12], due)
            redis.call('HDEL', KEYS[13], field)
        end
    end
    if after == '' then
        redis.call('HDEL', KEYS[kind], field)
        redis.call('ZREM', KEYS[kind + 13], field)
        if kind == 2 then
            redis.call('HDEL', KEYS[9], entry)
            redis.call('HDEL', KEYS[10], field)
        end
    else
        redis.call('HSET', KEYS[kind], field, after)
        redis.call('ZADD', KEYS[kind + 13], ends, field)
        if kind == 2 then
            redis.call('HSET', KEYS[9], entry, field)
            redis.call('HSET', KEYS[10], field, entry)
        elseif kind == 5 then
            if string.sub(entry, 1, 1) == 'r' then
                redis.call('ZADD', KEYS[11], 0, field)
            end
            local places = string.sub(entry, 2)
            local known = redis.call('HGET', KEYS[23], field)
            if known ~= places then
                each_place(known, 'ZREM')
                each_place(places, 'ZADD')
                redis.call('HSET', KEYS[23], field, places)
            end
        elseif kind == 6 then
            redis.call('ZADD', KEYS[12], 0, entry)
            redis.call('HSET', KEYS[13], field, entry)
        end
    end
end
return 1
