-- Records by their keys, all at one moment, and how many there are of each kind.
-- KEYS: challenges, transactions, queue, devices, certificates, notices, passwords, shelves, names.
-- ARGV: pairs of a kind (1 to 8, or 9 for a transaction by its name) and a field.
local found = {}
for i = 1, #ARGV, 2 do
    local kind, field = tonumber(ARGV[i]), ARGV[i + 1]
    if kind == 9 then
        kind, field = 2, redis.call('HGET', KEYS[9], field)
    end
    found[#found + 1] = field and redis.call('HGET', KEYS[kind], field)
end
local counts = {}
for kind = 1, 8 do
    counts[kind] = redis.call('HLEN', KEYS[kind])
end
return {found, counts}
