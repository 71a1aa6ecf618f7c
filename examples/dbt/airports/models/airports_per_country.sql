select countries.code, countries.name, count(airports.id) as airports
from {{ source('stepmill', 'countries') }} as countries
left join {{ source('stepmill', 'airports') }} as airports on airports.iso_country = countries.code
group by countries.code, countries.name
