-- Changes fields and members if there is room and all fields that it compares are as given; else nothing. Answers 1 or 0.
-- ARGV: 'forget' or 'keep', then parts, each of which names a key by its number:
--   'room', key, how many fields there may be now;
--   'none', key, how many, so many fields that are not there;
--   'same', key, how many, so many fields, then so many values;
--   a command, key, how many, so many arguments.
-- All of a kind go together, since each command costs as much as its arguments do.
local i = 2
while ARGV[i] == 'room' do
    if redis.call('HLEN', KEYS[tonumber(ARGV[i + 1])]) > tonumber(ARGV[i + 2]) then
        return 0
    end
    i = i + 3
end
while ARGV[i] == 'none' do
    local first = i + 3
    local last = first + tonumber(ARGV[i + 2]) - 1
    for _, found in ipairs(redis.call('HMGET', KEYS[tonumber(ARGV[i + 1])], unpack(ARGV, first, last))) do
        if found then
            return 0
        end
    end
    i = last + 1
end
while ARGV[i] == 'same' do
    local count, first = tonumber(ARGV[i + 2]), i + 3
    local found = redis.call('HMGET', KEYS[tonumber(ARGV[i + 1])], unpack(ARGV, first, first + count - 1))
    for at = 1, count do
        if found[at] ~= ARGV[first + count + at - 1] then
            return 0
        end
    end
    i = first + 2 * count
end
-- What a crash may take back goes to no file and no replica. A server that knows no such thing keeps it.
if ARGV[1] == 'forget' then
    pcall(redis.set_repl, redis.REPL_NONE)
end
while i <= #ARGV do
    local first = i + 3
    local last = first + tonumber(ARGV[i + 2]) - 1
    redis.call(ARGV[i], KEYS[tonumber(ARGV[i + 1])], unpack(ARGV, first, last))
    i = last + 1
end
return 1
