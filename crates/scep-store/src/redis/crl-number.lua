-- Counts the CRLs of the issuer ARGV[1] in the hash KEYS[1]; 0 if it would be one issuer more than ARGV[2].
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 and redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[2]) then
    return 0
end
return redis.call('HINCRBY', KEYS[1], ARGV[1], 1)
