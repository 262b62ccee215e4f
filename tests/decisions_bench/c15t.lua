-- The same for c15t: a new consent of a new subject with each request, in its own words.
local n, letters = 0, "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
local headers = {
  ["Content-Type"] = "application/json",
  ["Origin"] = "https://shop.example",
  ["x-c15t-country"] = "DE",
  ["User-Agent"] = "Mozilla/5.0 (X11; Linux x86_64)",
}

local function word(number)
  local text = ""
  repeat
    local rest = number % 58
    text = letters:sub(rest + 1, rest + 1) .. text
    number = math.floor(number / 58)
  until number == 0
  return text
end

function request()
  n = n + 1
  local subject = "sub_" .. word(tonumber(os.getenv("SEED"))) .. "z" .. word(n)
  local body = '{"type":"cookie_banner","subjectId":"' .. subject .. '","domain":"shop.example",'
    .. '"preferences":{"necessary":true,"measurement":true,"marketing":false},'
    .. '"consentAction":"custom","uiSource":"banner","givenAt":'
    .. string.format("%.0f", os.time() * 1000 + n) .. "}"
  return wrk.format("POST", "/subjects", headers, body)
end
