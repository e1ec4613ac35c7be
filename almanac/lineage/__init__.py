"""Following one id through all that came before it and after it.

document version -> release -> answer (request) -> verdict -> example and dataset -> adapter, each
with the run that made it and when. `names` says what an id is, `links` asks the tables, `follow`
joins their answers.
"""
